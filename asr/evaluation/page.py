"""The report as one self-contained HTML page without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from asr.core.nested import flatten
from asr.evaluation import wording
from asr.evaluation.confusion import WordTable, align
from asr.evaluation.figures import Figure, Figures
from asr.evaluation.page_style import CSS
from asr.evaluation.results import ALL_NOISE, Evaluation
from asr.evaluation.side_by_side import Ways
from asr.evaluation.transcriptions import Transcription

LONG_TABLE = 15  # rows; a longer table is collapsed
MOST_CONFUSIONS = 40
MARKS = {"equal": "=", "substitute": "≠ substituted", "delete": "- deleted", "insert": "+ inserted"}


def page(title: str, subtitle: str, remarks: Iterable[str], sections: Sequence[tuple[str, str, str]]) -> str:
    """Return the whole page.

    Parameters
    ----------
    sections : (id, heading, HTML of the content) each; headings become the list of links.
    """
    links = "".join(f'<li><a href="#{key}">{escape(heading)}</a></li>' for key, heading, _ in sections)
    body = "".join(
        f'<section id="{key}"><h2>{escape(heading)}</h2>{content}</section>' for key, heading, content in sections
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body>"
        f'<header><h1>{escape(title)}</h1><p class="quiet">{escape(subtitle)}</p>'
        f"{remark_boxes(remarks)}</header>"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav><main>{body}</main></body></html>\n'
    )


def remark_boxes(remarks: Iterable[str]) -> str:
    """Return the remarks, each in a box."""
    return "".join(f'<p class="remark"><strong>Note:</strong> {escape(remark)}</p>' for remark in remarks)


def picture(svg: str, caption: str) -> str:
    """Return a picture with its caption."""
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], remarks: Iterable[str] = (), *, note: str = ""
) -> str:
    """Return a table; cells are HTML, the first of each row is its heading."""
    told = "".join(f"<br>Note: {escape(remark)}" for remark in remarks)
    said = f"<br>{escape(note)}" if note else ""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = ""
    count = 0
    for first, *others in rows:
        count += 1
        long = ' class="long"' if len(first) > 24 else ""
        body += f'<tr><th scope="row"{long}>{first}</th>' + "".join(f"<td>{cell}</td>" for cell in others) + "</tr>"
    made = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption><div><strong>{escape(caption)}</strong>{said}{told}</div></caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    if count <= LONG_TABLE:
        return made
    return f"<details><summary>{escape(caption)}: {count} rows</summary>{made}</details>"


def evaluation_section(evaluation: Evaluation, descriptions: Mapping[str, str], pictures: Mapping[str, str]) -> str:
    """Return the section on one kind of speech.

    Parameters
    ----------
    descriptions : of conditions, by name or kind of noise.
    pictures : SVG of "noise", "confusion" and "noise confusion", and of worst clips by their number ("clip 1",
        "noise clip 1").
    """
    about = evaluation.remarks
    parts = [f"<p>{escape(_intro(evaluation))}</p>", remark_boxes(about), _tiles(evaluation)]
    drawn = wording.draws(evaluation.draws).capitalize() if evaluation.draws > 1 else ""
    parts.append(figures_table("Every condition", "condition", evaluation.conditions, about, reasons=True, note=drawn))
    parts.append(_described(evaluation, descriptions))
    if "noise" in pictures:
        caption = "Figures by noise level, with 95 % intervals; the table above lists the same numbers."
        parts.append(picture(pictures["noise"], caption))
    if evaluation.ways:
        parts.append("<h3>Client and runtime</h3>")
        parts.append(_side_by_side(evaluation.ways, about))
    where = f"condition: {evaluation.main}"
    parts.append("<h3>Speakers and sentences</h3>")
    parts.append(figures_table("By speaker", "speaker", evaluation.speakers, about, note=where))
    parts.append(figures_table("By sentence", "sentence", evaluation.sentences, about, note=where))
    parts.append("<h3>Word errors</h3>")
    parts.append(_words(evaluation.words, evaluation.main, about, pictures.get("confusion")))
    if evaluation.words_in_noise is not None:
        parts.append(_words(evaluation.words_in_noise, ALL_NOISE, about, pictures.get("noise confusion")))
    right = f"No errors in the condition “{evaluation.main}”."
    parts.append("<h3>Worst clips</h3><p>Vertical lines mark the time at which the client output each word.</p>")
    parts.append(_worst(evaluation.worst, pictures, "clip", right))
    if evaluation.worst_in_noise:
        order = "Commands with a wrong slot first, then errors in the least noise."
        parts.append(f"<h3>Worst clips in noise</h3><p>{order}</p>")
        parts.append(_worst(evaluation.worst_in_noise, pictures, "noise clip"))
    return "".join(parts)


def figures_table(
    caption: str,
    head: str,
    groups: Mapping[str, Figures],
    remarks: Iterable[str] = (),
    *,
    reasons: bool = False,
    note: str = "",
) -> str:
    """Return a table with one group of utterances a row; measures without a value are left out.

    Parameters
    ----------
    reasons : whether the note says why figures have no interval; their titles always do.
    """
    measures = [
        name for name in wording.NAMES if any(getattr(group, name).value is not None for group in groups.values())
    ]
    # A table by speaker has one speaker a row.
    counted = head != "speaker"
    heads = [head, "clips", *["speakers"] * counted, "words", *(wording.SHORT[name] for name in measures)]
    figures = [getattr(group, name) for group in groups.values() for name in measures]
    over = "speakers" if counted else "the speaker's clips"
    if any(figure.interval for figure in figures):
        note = (f"{note}. " if note else "") + f"Under each figure: its 95 % interval, by bootstrap over {over}."
    if reasons:
        notes = dict.fromkeys(figure.note for figure in figures if figure.note and not figure.interval)
        note = ". ".join(filter(None, [note.rstrip("."), *(f"\N{EN DASH}: {reason}" for reason in notes)]))
    rows = []
    for name, group in groups.items():
        cells = [f"{group.utterances:,}", *[f"{group.speakers:,}"] * counted, f"{group.wer.whole:,}"]
        rows.append([escape(name), *cells, *(_cell(measure, getattr(group, measure), reasons) for measure in measures)])
    return table(caption, heads, rows, remarks, note=note)


def _side_by_side(ways: Mapping[str, Ways], remarks: Iterable[str]) -> str:
    """Return a table with a row for each condition and way."""
    groups = [(name, way, figures) for name, found in ways.items() for way, figures in found.items()]
    measures = [
        name for name in wording.SIDE_BY_SIDE if any(getattr(group, name).value is not None for _, _, group in groups)
    ]
    heads = ["condition", "recognised by", "clips", *(wording.SIDE_BY_SIDE[name][1] for name in measures)]
    rows = [
        [escape(name), escape(way), f"{group.utterances:,}"]
        + [_cell(measure, getattr(group, measure), True) for measure in measures]
        for name, way, group in groups
    ]
    note = "The same clips and noise. Every slot right: intent and slots, of the commands that have any."
    return table("Client and runtime", heads, rows, remarks, note=note)


def settings_section(facts: Mapping[str, Any]) -> str:
    """Return names and values, nested settings collapsed."""
    rows, folded = "", ""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            lines = "\n".join(f"{key} = {item}" for key, item in flatten(value).items())
            folded += f"<details><summary>{escape(name)}</summary><pre>{escape(lines)}</pre></details>"
        elif value not in (None, ""):
            rows += f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
    return f"<dl>{rows}</dl>{folded}"


def _intro(evaluation: Evaluation) -> str:
    main = evaluation.conditions[evaluation.main]
    what = (
        "Recordings of people, without synthetic voices."
        if evaluation.kind == "real"
        else "Synthetic voices only; accuracy on people may be lower."
    )
    return (
        f"{what} {wording.count(main.utterances, 'clips')} of {wording.count(main.speakers, 'speakers')}, "
        f"{wording.duration(main.seconds)}, condition: {evaluation.main}."
    )


def _tiles(evaluation: Evaluation) -> str:
    main = evaluation.conditions[evaluation.main]
    order = ("acceptance", "sentence_accuracy", "wer", "cer")
    tiles = [(measure, evaluation.main, getattr(main, measure)) for measure in order]
    noise = evaluation.conditions.get(ALL_NOISE)
    if noise is not None:
        best = "acceptance" if noise.acceptance.value is not None else "sentence_accuracy"
        tiles.append((best, ALL_NOISE, getattr(noise, best)))
    items = ""
    for measure, condition, figure in tiles:
        if figure.value is None:
            continue
        long, _, unit = wording.NAMES[measure]
        more = wording.interval(measure, figure)
        items += (
            f'<li><span class="name">{escape(long)}, {escape(condition)}</span>'
            f'<span class="value">{wording.value(measure, figure)}</span>'
            f'<span class="more">{"95 %: " if figure.interval else ""}{escape(more)}<br>'
            f"{figure.part:,.0f} of {wording.count(figure.whole, unit)}</span></li>"
        )
    return f'<ul class="tiles">{items}</ul>'


def _described(evaluation: Evaluation, descriptions: Mapping[str, str]) -> str:
    """Return descriptions of the conditions; those with the same description share an entry."""
    together: dict[str, list[str]] = {}
    for name in evaluation.conditions:
        kind = evaluation.measured[name].kind if name in evaluation.measured else ""
        text = descriptions.get(name) or descriptions.get(kind) or wording.CONDITIONS.get(name)
        if text:
            together.setdefault(text, []).append(name)
    items = ""
    for text, names in together.items():
        named = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        items += f"<dt>{escape(named)}</dt><dd>{escape(text)}</dd>"
    return f'<dl class="quiet">{items}</dl>' if items else ""


def _cell(measure: str, figure: Figure, reasons: bool) -> str:
    text = wording.value(measure, figure)
    if figure.value is None:
        return f'<span class="quiet" title="{text}">-</span>'
    if measure == "wer" and not reasons:
        text += f'<span class="meter" style="background-size:{min(100, 100 * figure.value):.0f}% 100%"></span>'
    if figure.interval:
        return f'{text}<span class="range">{escape(wording.interval(measure, figure))}</span>'
    if reasons and figure.note:
        return f'{text}<span class="range" title="{escape(figure.note)}">\N{EN DASH}</span>'
    return f'<span title="{escape(figure.note)}">{text}</span>' if figure.note else text


def _words(words: WordTable, where: str, remarks: Iterable[str], matrix: str | None) -> str:
    found = words.confusions
    if not found:
        return f"<p>No word errors in the condition “{escape(where)}”.</p>"
    rows = [
        [
            f"“{escape(item.said)}”" if item.said else "(nothing)",
            f"“{escape(item.heard)}”" if item.heard else "(nothing)",
            f"{item.count}",
            wording.percent(item.count / item.spoken) if item.spoken else "",
        ]
        for item in found[:MOST_CONFUSIONS]
    ]
    left = len(found) - len(rows)
    note = f"condition: {where}" + (f"; report.json has {left} rarer ones" if left else "")
    caption = "Words in noise" if where == ALL_NOISE else "Words"
    made = table(caption, ["said", "heard", "count", "share of the times said"], rows, remarks, note=note)
    if matrix:
        caption = f"Confusion matrix of the most confused words: said (rows), heard (columns); condition: {where}."
        made = picture(matrix, caption) + made
    return made


def _worst(worst: Sequence[Transcription], pictures: Mapping[str, str], name: str, otherwise: str = "") -> str:
    if not worst:
        return f"<p>{escape(otherwise)}</p>"
    parts = []
    for number, item in enumerate(worst, 1):
        loss = "" if item.loss is None else f", loss {item.loss:.2f} nats"
        verdict = "" if item.accepted is None else f", command {'right' if item.accepted else 'wrong'}"
        clip = f"clip {item.clip}, " if item.recording else ""
        details = f"{clip}speaker {item.speaker}, {item.condition.name}, {item.seconds:.1f} s{verdict}{loss}"
        parts.append(
            f'<article class="clip"><h4>{number}. {escape(item.title)}</h4>'
            f'<p class="quiet">{escape(details)}</p>{_alignment(item)}'
            f"{pictures.get(f'{name} {number}', '')}</article>"
        )
    return "".join(parts)


def _alignment(item: Transcription) -> str:
    (pairs,) = align([item.transcript], [item.hypothesis])
    rows = {"said": "", "heard": "", "": ""}
    for pair in pairs:
        wrong, mark = ("", "mark") if pair.kind == "equal" else (' class="wrong"', "mark wrong")
        rows["said"] += f"<td{wrong}>{escape(pair.said) or '·'}</td>"
        rows["heard"] += f"<td{wrong}>{escape(pair.heard) or '·'}</td>"
        rows[""] += f'<td class="{mark}">{MARKS[pair.kind]}</td>'
    body = "".join(
        f'<tr><th scope="row">{name or "<span class=mark>alignment</span>"}</th>{cells}</tr>'
        for name, cells in rows.items()
    )
    return (
        f'<div class="scroll"><table class="alignment" aria-label="said and heard"><tbody>{body}</tbody></table></div>'
    )
