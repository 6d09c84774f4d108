"""The report page and the example notebook: made from real results, looked at by a real browser without a screen."""
import html
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from support import SOURCE, check, finish, folder, run

BROWSER = next((b for n in ("chromium", "chromium-browser", "google-chrome") if (b := shutil.which(n))), None)
RIDGE = """
name: "ridge <b> & co"
experiment: ridge
seed: 3
data: {source: teacher, features: 20, noise: 0.5, test_instances: 10}
ridge: {lambda: [0, 0.1, 10], intercept: false}
sweep: {data.instances: [10, 15, 20, 25, 40], replicate: {count: 30}}
"""
FAILING = """
name: failing
experiment: ridge
data: {source: teacher, features: 20, instances: 30}
ridge: {lambda: [1e-20], method: gram}
sweep: {replicate: {count: 2}}
"""
ESCAPED = """
name: 'a"c \\ é'
experiment: ridge
data: {source: teacher, features: 4, noise: 0.5}
ridge: {lambda: [0, 1]}
sweep: {data.instances: [3, 6], replicate: {count: 5}}
"""
TRAINING = """
name: training
experiment: rbm
data: {source: digits, count: 200, test_count: 50}
rbm: {hidden: 8}
train: {batch: 50, epochs: 3}
"""
# Added to a copy of the page: what a reader's browser makes of it, as text.
PROBE = """<script>addEventListener('load', () => { const all = [...document.images];
const seen = all.filter(i => i.complete && i.naturalWidth > 100 && i.getBoundingClientRect().width > 100).length;
document.querySelectorAll('details').forEach(d => d.open = true);
const cut = [...document.querySelectorAll('table')].filter(t => { const box = t.parentElement;
  return getComputedStyle(box).overflowX != 'auto' || box.getBoundingClientRect().right > innerWidth; }).length;
document.title = `probe ${all.length} ${seen} ${document.documentElement.scrollWidth} ${innerWidth} ${cut}`; });</script></body>"""


def browse(page: Path, size: str, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
                           f"--window-size={size}", f"--user-data-dir={page.parent}/profile", *options, page.as_uri()],
                          capture_output=True, text=True, timeout=120)


def analysis(*words) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "analysis", *map(str, words)], cwd=SOURCE, capture_output=True, text=True, timeout=200)


def make_results(where: Path) -> list[Path]:
    out = []
    for name, text, code in (("ridge", RIDGE, 0), ("failing", FAILING, 3), ("training", TRAINING, 0)):
        (where / f"{name}.yaml").write_text(text)
        done = run(["run", where / f"{name}.yaml", "-o", where / name])
        check(done.returncode == code, f"{name} ends with {done.returncode}: {done.stderr}")
        out.append(where / name)
    return out


def test_page(where: Path, folders: list[Path]) -> None:
    (where / "bench.json").write_text(json.dumps([{"name": "sgemm", "unit": "operation/s", "rate": 8e10, "limit": 1e11, "share": 0.8, "seconds": 1}]))
    page = where / "report.html"
    done = analysis("report", *folders, "-o", page)
    check(done.returncode == 0, f"report ends with {done.returncode}: {done.stderr}")
    text = page.read_text(encoding="utf-8")
    for words in ("ridge &lt;b&gt; &amp; co", "use ridge.method bidiagonal", "estimation_error_z", "How to cite", "80 %", "ranks ×", "data.instances: ["):
        check(words in text, f"the page lacks {words!r}")
    check("<script" not in text and not re.search(r"(src|href)=.https?:", text), "the page loads something")
    if BROWSER is None:
        print("no chromium here: the page was not looked at", flush=True)
        return
    (where / "probe.html").write_text(text.replace("</body>", PROBE), encoding="utf-8")
    for size in ("1200,900", "390,844"): # a desk and a phone
        seen = browse(where / "probe.html", size, "--dump-dom")
        found = re.search(r"<title>probe (\d+) (\d+) (\d+) (\d+) (\d+)</title>", seen.stdout)
        if check(found is not None, f"no page at {size}: {seen.stdout[:300]} {seen.stderr[-500:]}"):
            n_images, n_seen, width, inner, cut = map(int, found.groups())
            check(n_images == n_seen >= 6, f"{n_seen} of {n_images} figures are visible at {size}")
            check(width <= inner, f"the page is {width} wide on a screen of {inner}")
            check(cut == 0, f"{cut} tables are cut off at {size}")
        check("CONSOLE" not in seen.stderr, f"console messages at {size}: {seen.stderr[-800:]}")
    browse(page, "1200,3000", f"--screenshot={where}/shot.png")
    shot = (where / "shot.png").read_bytes()
    check(struct.unpack(">II", shot[16:24]) == (1200, 3000) and len(shot) > 50000, f"a screenshot of {len(shot)} bytes")
    browse(page, "1200,900", f"--print-to-pdf={where}/page.pdf")
    check((where / "page.pdf").read_bytes().startswith(b"%PDF"), "the page can't be printed")
    if os.environ.get("SIMMER_KEEP"):
        shutil.copytree(where, os.environ["SIMMER_KEEP"], dirs_exist_ok=True)


def test_names(where: Path) -> None:
    """A job's name is what its author meant; bytes of a folder's name that aren't UTF-8 are shown as escapes."""
    (where / "escaped.yaml").write_text(ESCAPED, encoding="utf-8")
    place = where / os.fsdecode(b"bad\xff")
    done = run(["run", where / "escaped.yaml", "-o", where / "plain"])
    check(done.returncode == 0, f"a job with a strange name: {done.stderr}")
    (where / "plain").rename(place)
    for words in (("report", place), ("plot", place, "--only", "danger_zone")):
        done = analysis(*words)
        check(done.returncode == 0 and "bad\\xff" in done.stdout, f"{words[0]} of {place!r}: {done.stdout} {done.stderr}")
    check((place / "figures" / "danger_zone.png").is_file(), "no figure in a folder with a strange name")
    if check((place / "report.html").is_file(), "no page in a folder with a strange name"):
        text = (place / "report.html").read_text(encoding="utf-8")
        name = "a&quot;c \\ é"
        for words in (f"<title>{name}</title>", f"<h1>{name}</h1>", f"<h2>{name}</h2>", f"({name}: seed ", "bad\\xff</code>"):
            check(words in text, f"the page lacks {words!r}")
    done = analysis("report", where / os.fsdecode(b"none\xff"))
    check(done.returncode == 2 and "none\\xff: no such" in done.stderr, f"no folder: {done.returncode} {done.stderr}")


def test_waiting(where: Path, folders: list[Path]) -> None:
    """Folders without results are told from those that have some, and from those that aren't simmer's."""
    new, begun, foreign = where / "new", where / "it's begun", where / "foreign"
    new.mkdir()
    foreign.mkdir()
    (foreign / "letter.txt").write_text("Dear all")
    shutil.copytree(folders[0], begun, ignore=shutil.ignore_patterns("results.h5", "report.html"))
    done = analysis("report", new, begun, folders[0])
    page = folders[0] / "report.html"
    if check(done.returncode == 0 and page.is_file(), f"report ends with {done.returncode}: {done.stderr}"):
        text = page.read_text(encoding="utf-8")
        quoted = html.escape(shlex.quote(str(begun)))
        for words in (f"nothing has run in <code>{new}</code>", f"<code>simmer status {quoted}</code>", f"<code>simmer collect {quoted}</code>",
                      "<h2>new</h2>", '<section id="run2"><h2>ridge &lt;b&gt; &amp; co</h2>', "estimation_error_z"):
            check(words in text, f"the page lacks {words!r}")
        check(text.count("<h2>ridge &lt;b&gt; &amp; co</h2>") == 2, "a job that isn't finished is named by its job file")
    check(not list(new.iterdir()), "a new folder doesn't stay empty, and no job could run in it")
    for words, reason in (((new, begun), "no results.h5"), ((folders[0], foreign), "not an output folder"),
                          ((folders[0], where / "nowhere"), "no such file or folder")):
        done = analysis("report", *words, "-o", where / "x.html")
        check(done.returncode == 2 and re.search(reason, done.stderr) and not (where / "x.html").exists(), f"{words}: {done.returncode} {done.stderr}")


def test_errors(where: Path, folders: list[Path]) -> None:
    done = analysis("report", where)
    check(done.returncode == 2 and "results.h5" in done.stderr, f"no results: {done.returncode} {done.stderr}")
    (where / "broken.json").write_text("[")
    done = analysis("report", folders[0], "--bench", where / "broken.json", "-o", where / "x.html")
    check(done.returncode == 2 and "broken.json" in done.stderr and not (where / "x.html").exists(), f"broken bench: {done.stderr}")


def test_notebook(folders: list[Path]) -> None:
    """Every code cell of the notebook runs on a result file."""
    cells = json.loads((Path(SOURCE) / "analysis" / "example.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    done = subprocess.run([sys.executable, "-c", code], cwd=SOURCE, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "SIMMER_EXAMPLE": str(folders[0]), "MPLBACKEND": "Agg"})
    check(done.returncode == 0 and "rms z" in done.stdout, f"notebook: {done.stdout} {done.stderr}")


with folder() as place:
    made = make_results(Path(place))
    test_page(Path(place), made)
    test_names(Path(place))
    test_waiting(Path(place), made)
    test_errors(Path(place), made)
    test_notebook(made)
finish()
