"""What a sanitizer or valgrind said about a process and its children.

Exit codes are not enough: Criterion forks every test and exits 0 although
LeakSanitizer or valgrind reported something in the child; a supervised worker
is simply restarted. So the tools write to files, and any report is a failure.
"""
import os
import re
import tempfile

ASAN = "detect_leaks=1:detect_stack_use_after_return=0:strict_string_checks=1:check_initialization_order=1"
UBSAN = "print_stacktrace=1:halt_on_error=1"
TSAN = "halt_on_error=1:second_deadlock_stack=1"

VALGRIND = ["valgrind", "--trace-children=yes", "--leak-check=full", "--num-callers=30",
            "--errors-for-leak-kinds=definite,indirect", "--show-leak-kinds=definite,indirect",
            f"--suppressions={os.path.dirname(os.path.abspath(__file__))}/valgrind.supp"]
# A process that was killed leaves no summary: then these count.
VALGRIND_ERROR = re.compile(r"Invalid (read|write|free)|uninitialised|Mismatched free|"
                            r"overlap in|definitely lost in|Jump to the invalid")


class Gate:
    """Use as a context manager; the reports are gone when it is left."""

    def __init__(self, valgrind=False):
        self.valgrind = valgrind
        self._dir = tempfile.TemporaryDirectory(prefix="weir-gate-")
        self.dir = self._dir.name
        # Workers of a daemon may have dropped their privileges by the time they report.
        os.chmod(self.dir, 0o1777)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self._dir.cleanup()

    def env(self, base=None):
        env = dict(os.environ if base is None else base)
        for name, ours in (("ASAN", ASAN), ("UBSAN", UBSAN), ("LSAN", ""), ("TSAN", TSAN)):
            parts = [env.get(f"{name}_OPTIONS", ""), ours, f"log_path={self.dir}/{name.lower()}"]
            env[f"{name}_OPTIONS"] = ":".join(part for part in parts if part)
        return env

    def command(self, command):
        if not self.valgrind:
            return list(command)
        return [*VALGRIND, f"--log-file={self.dir}/valgrind.%p", *command]

    def reports(self):
        """The text of each report, oldest first."""
        found = []
        paths = [os.path.join(self.dir, name) for name in os.listdir(self.dir)]
        for path in sorted(paths, key=os.path.getmtime):
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            if os.path.basename(path).startswith("valgrind") and not _valgrind_complains(text):
                continue
            if text.strip():
                found.append(text)
        return found


def _valgrind_complains(text):
    summary = re.findall(r"ERROR SUMMARY: (\d+) errors", text)
    if summary:
        return int(summary[-1]) > 0
    return bool(VALGRIND_ERROR.search(text))
