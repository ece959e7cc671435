"""What is tested: the build directory, how it was built, and how long anything in it may take."""
import json
import os
import pathlib

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEIR_BUILD", TOP / "build")).resolve()


def _option(name):
    path = BUILD / "meson-info/intro-buildoptions.json"
    options = json.loads(path.read_text()) if path.is_file() else []
    return next((option["value"] for option in options if option["name"] == name), None)


SANITIZED = _option("b_sanitize") not in (None, "none")
# Sanitizers make everything slower, and two cores may be shared with a compiler.
WAIT_S = float(os.environ.get("WEIR_WAIT_S", 60 if SANITIZED else 20))
