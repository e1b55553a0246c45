"""The page of `asr check`: what was found, with a player for each recording."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from asr.evaluation.page import page as whole_page
from datasets.defects import Finding
from datasets.examination import KINDS, SEVERITIES, Examination

MOST = 200  # findings of a kind that are shown; check.json has all
_PLURALS = {"error": "errors", "warning": "warnings", "hint": "hints"}


def page(found: Examination, folder: Path, target: Path) -> str:
    """Return the page.

    Parameters
    ----------
    folder : of the recordings; names are shown from there.
    target : the folder that the page is for; recordings are linked relative to it.
    """
    folder = folder.parent if folder.is_file() else folder
    sections = [("overview", "Overview", _overview(found))]
    for kind, heading in KINDS.items():
        findings = [finding for finding in found.findings if finding.kind == kind]
        if findings:
            body = "".join(_article(finding, folder, target) for finding in findings[:MOST])
            more = f"<p>{len(findings) - MOST} more are in check.json.</p>" if len(findings) > MOST else ""
            sections.append((kind.replace(" ", "-"), f"{heading} ({len(findings)})", body + more))
    subtitle = f"{found.recordings:,} recordings of {found.speakers:,} speakers, {found.seconds / 60:.1f} minutes"
    remarks = [] if found.findings else ["Nothing was found."]
    return whole_page("Check of the recordings", subtitle, remarks, sections)


def _overview(found: Examination) -> str:
    tiles = "".join(
        f'<li><span class="name">{_PLURALS[severity]}</span><span class="value">{len(found.of(severity)):,}</span>'
        f'<span class="more">{about}</span></li>'
        for severity, about in zip(
            SEVERITIES,
            ("mend or remove these", "listen to these", "may be nothing"),
            strict=True,
        )
    )
    return f'<ul class="tiles">{tiles}</ul>'


def _article(finding: Finding, folder: Path, target: Path) -> str:
    name = _shown(finding.file, folder) if finding.file else "All recordings"
    mark = "wrong" if finding.severity == "error" else "quiet"
    return (
        f'<article class="clip"><h4>{escape(name)}</h4>'
        f'<p><span class="{mark}">{finding.severity}</span>: {escape(finding.what)}. {escape(finding.fix)}.</p>'
        f"{_players([finding.file, *finding.others] if finding.file else [], folder, target)}</article>"
    )


def _players(files: Sequence[str], folder: Path, target: Path) -> str:
    made = ""
    for file in files:
        link, name = quote(os.path.relpath(file, target)), escape(_shown(file, folder))
        caption = f"<figcaption>{name}</figcaption>" if len(files) > 1 else ""
        made += f'<figure>{caption}<audio controls preload="none" src="{link}" aria-label="{name}"></audio></figure>'
    return made


def _shown(file: str, folder: Path) -> str:
    path = Path(file)
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
