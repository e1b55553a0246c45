"""`asr sentences`: counts, samples and looks sentences up."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from tools.commands.cli import app

TEXT = "[SetLight]\nturn (on|off) the {room} light\n{room} = (living room:lounge|kitchen)\n"


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["sentences", str(folder), *arguments])
    return done.exit_code, done.stdout


def test_what_can_be_said_is_counted_and_looked_up(tmp_path: Path) -> None:
    source = tmp_path / "home.txt"
    source.write_text(TEXT)
    ws = tmp_path / "home"
    assert CliRunner().invoke(app, ["init", str(ws), "--sentences", str(source)]).exit_code == 0
    code, text = run(ws)
    assert code == 0 and "4 sentences of 8 words" in text
    assert "intents: SetLight" in text and "slots: room" in text
    assert {line.strip() for line in text.splitlines() if line.startswith("  turn")} <= {
        f"turn {state} the {room} light" for state in ("on", "off") for room in ("living room", "kitchen")
    }
    code, text = run(ws, "--accepts", "turn on the living room light")
    assert code == 0 and "intent: SetLight" in text and "room = 'lounge'" in text
    code, text = run(ws, "--accepts", "turn on the kitchen lights")
    assert code == 1 and "near: 'turn on the kitchen light'" in text


def test_ten_to_the_twelve_sentences_are_counted(tmp_path: Path) -> None:
    source = tmp_path / "many.txt"
    source.write_text(" ".join(f"{{0..9:s{slot}}}" for slot in range(12)) + "\n")
    ws = tmp_path / "many"
    assert CliRunner().invoke(app, ["init", str(ws), "--sentences", str(source)]).exit_code == 0
    code, text = run(ws, "--count", "2")
    assert code == 0 and "1,000,000,000,000 sentences of 10 words" in text


def test_files_of_values_come_along(tmp_path: Path) -> None:
    (tmp_path / "songs.txt").write_text("hey jude\n")
    source = tmp_path / "music.txt"
    source.write_text("play {song}\n{song} = file:songs.txt\n")
    ws = tmp_path / "music"
    assert CliRunner().invoke(app, ["init", str(ws), "--sentences", str(source)]).exit_code == 0
    assert run(ws, "--accepts", "play hey jude")[0] == 0
    source.write_text("play {song}\n{song} = file:../songs.txt\n")
    refused = CliRunner().invoke(app, ["init", str(tmp_path / "other"), "--sentences", str(source)])
    assert refused.exit_code != 0 and not (tmp_path / "other").exists()


def test_words_that_sound_alike_are_listed(tmp_path: Path) -> None:
    source = tmp_path / "home.txt"
    source.write_text("[A]\nput it in the {room}\n[B]\nset (to|two|kitchen)\n{room} = hall|haul|kitchen\n")
    ws = tmp_path / "home"
    assert CliRunner().invoke(app, ["init", str(ws), "--sentences", str(source)]).exit_code == 0
    code, text = run(ws, "--alike")
    assert code == 0
    lines = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    assert [line.split("   ")[0] for line in lines[:2]] == ["0.00  hall | haul", "0.00  to | two"]
    assert "same meaning" in lines[1] and "same meaning" not in lines[0]
    assert run(ws, "--alike", "--count", "1")[1].count("\n  ") == 1


def test_sentences_too_many_for_a_graph_are_still_counted(tmp_path: Path) -> None:
    ws = tmp_path / "long"
    source = tmp_path / "long.txt"
    # Every choice of 20 words is another state.
    source.write_text(" ".join(["[a|b]"] * 20) + " a " + " ".join(["(a|b)"] * 20) + "\n")
    assert CliRunner().invoke(app, ["init", str(ws), "--sentences", str(source)]).exit_code == 0
    code, text = run(ws, "--count", "1")
    assert code == 0
    assert f"{3**20 * 2**20:,} sentences of 2 words" in text and "grammar graph: none, because" in text
