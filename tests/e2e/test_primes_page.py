"""The page that counts primes, in headless Chromium: the bar moves, and cancelling ends the process."""
import re

import pytest

import browser as browser_module
from daemon import wait_until
from jobs import Processes, ending
from test_examples import DEMO

pytestmark = pytest.mark.skipif(browser_module.PROGRAM is None, reason="there is no chromium (scripts/setup test)")

# A job process that computes is one that has used CPU time.
CLOCK_TICKS = 10


@pytest.fixture(scope="module")
def demo(shared_daemon):
    return shared_daemon(DEMO)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browser_module.Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def page(demo, browser):
    tab = browser.open(f"http://127.0.0.1:{demo.port}/primes")
    yield tab
    tab.close()


WORDS = """document.getElementById("words").textContent"""
BAR = """document.getElementById("bar").value"""


def count_below(page, number):
    page.run(f"""document.getElementById("below").value = {number};
                 document.getElementById("count").click()""")


def cpu_ticks(pid):
    """0 when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def busy(demo, before):
    """The job process that has worked most since then; None while nobody has."""
    used = {pid: cpu_ticks(pid) - before.get(pid, 0) for pid in Processes(demo).all()}
    pid = max(used, key=used.get, default=None)
    return pid if pid and used[pid] >= CLOCK_TICKS else None


def test_it_counts_and_the_bar_is_full(demo, page):
    count_below(page, 1000)
    page.wait(f"""{WORDS} === "There are 168." && {BAR} === 100""", WORDS)
    assert page.run("""document.getElementById("cancel").disabled""")


def test_it_counts_once_only(demo, page):
    """An EventSource that is not closed would ask again, and again."""
    mark = len(demo.out.lines)
    for number, found in ((10, 4), (100, 25), (2, 0)):
        count_below(page, number)
        page.wait(f"""{WORDS} === "There are {found}." """, WORDS)
    assert not [line for line in demo.out.lines[mark:] if "/primes/" in line], "it is out of the access log"
    assert page.run("events === null")


def test_the_bar_moves_while_it_counts(demo, page):
    count_below(page, 100_000_000)
    page.wait(f"{BAR} > 0", WORDS)
    first = page.run(BAR)
    page.wait(f"{BAR} > {first}", WORDS)
    assert re.fullmatch(r"\d+ so far", page.run(WORDS))
    page.run("""document.getElementById("cancel").click()""")


def test_cancel_ends_the_process(demo, page):
    before = {pid: cpu_ticks(pid) for pid in Processes(demo).wait(3)}
    count_below(page, 1_000_000_000)
    pid = wait_until(lambda: busy(demo, before), demo.story)
    page.wait(f"{BAR} > 0", WORDS)
    with ending(pid) as ended:
        page.run("""document.getElementById("cancel").click()""")
        ended()
    assert page.run(WORDS) == "Cancelled."
    # Another has taken its place, and the page may ask again.
    assert pid not in Processes(demo).wait(3)
    count_below(page, 1000)
    page.wait(f"""{WORDS} === "There are 168." """, WORDS)


def test_closing_the_tab_ends_the_process(demo, browser):
    before = {pid: cpu_ticks(pid) for pid in Processes(demo).wait(3)}
    tab = browser.open(f"http://127.0.0.1:{demo.port}/primes")
    count_below(tab, 1_000_000_000)
    pid = wait_until(lambda: busy(demo, before), demo.story)
    with ending(pid) as ended:
        tab.close()
        ended()


def test_a_job_that_fails_is_said(demo, page):
    page.run("""document.getElementById("ask").noValidate = true""")
    count_below(page, 10_000_000_000)
    page.wait(f"""{WORDS}.startsWith("The server")""", WORDS)
