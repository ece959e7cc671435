"""scripts/count-tests adds up right, and fails when anything failed."""
import json
import pathlib
import subprocess

import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "scripts/count-tests"


def criterion(passed, failed=0, crashed=0):
    tested = passed + failed + crashed
    return f"[====] Synthesis: Tested: {tested} | Passing: {passed} | Failing: {failed} | Crashing: {crashed} \n"


@pytest.fixture
def count(tmp_path):
    """Runs it over entries (result, stdout); the exit code and the last line."""
    def run(*entries, broken=0):
        log = tmp_path / "log.json"
        log.write_text("".join(json.dumps({"name": "x", "result": result, "stdout": out,
                                           "duration": 0.1}) + "\n" for result, out in entries))
        done = subprocess.run([PROGRAM, "--broken", str(broken), f"unit={log}"], check=False,
                              stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout.splitlines()[-1]
    return run


def test_adds_cases_of_all_kinds(count):
    assert count(("OK", criterion(17)), ("OK", "....\n4 passed, 1 skipped in 0.10s\n"),
                 ("OK", "")) == (0, "22 passed, 0 failed, 1 skipped")


def test_fails_for_failed_cases(count):
    assert count(("FAIL", criterion(3, 2, 1)), ("FAIL", "2 failed, 1 passed in 1.0s\n")) == (
        1, "4 passed, 5 failed")


def test_counts_a_report_behind_passed_cases_as_a_failure(count):
    assert count(("FAIL", criterion(3))) == (1, "3 passed, 1 failed")


def test_counts_time_outs_and_crashes_without_a_summary(count):
    assert count(("TIMEOUT", ""), ("ERROR", None)) == (1, "0 passed, 2 failed")


def test_counts_skipped_programs(count):
    assert count(("SKIP", ""), ("OK", "")) == (0, "1 passed, 0 failed, 1 skipped")


def test_fails_when_a_build_failed(count):
    assert count(("OK", criterion(3)), broken=1) == (1, "3 passed, 1 failed")


def test_fails_when_nothing_ran(count):
    assert count() == (1, "0 passed, 0 failed")


def test_says_how_long_it_took_and_not_how_long_each_did(tmp_path):
    log = tmp_path / "log.json"
    log.write_text("".join(json.dumps({"name": "x", "result": "OK", "stdout": "", "starttime": at, "duration": 20}) + "\n"
                           for at in (1000, 1000, 1015)))
    done = subprocess.run([PROGRAM, f"unit={log}"], check=False, stdout=subprocess.PIPE, text=True)
    assert "(3 programs, 35 s)" in done.stdout


def test_fails_when_a_log_is_missing(tmp_path):
    done = subprocess.run([PROGRAM, f"unit={tmp_path}/none.json"], check=False,
                          stdout=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"
