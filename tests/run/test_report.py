"""The report page and the example notebook: made from real results, looked at by a real browser without a screen."""
import json
import os
import re
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
document.title = `probe ${all.length} ${seen} ${document.documentElement.scrollWidth} ${innerWidth}`; });</script></body>"""


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
        found = re.search(r"<title>probe (\d+) (\d+) (\d+) (\d+)</title>", seen.stdout)
        if check(found is not None, f"no page at {size}: {seen.stdout[:300]} {seen.stderr[-500:]}"):
            n_images, n_seen, width, inner = map(int, found.groups())
            check(n_images == n_seen >= 6, f"{n_seen} of {n_images} figures are visible at {size}")
            check(width <= inner, f"the page is {width} wide on a screen of {inner}")
        check("CONSOLE" not in seen.stderr, f"console messages at {size}: {seen.stderr[-800:]}")
    browse(page, "1200,3000", f"--screenshot={where}/shot.png")
    shot = (where / "shot.png").read_bytes()
    check(struct.unpack(">II", shot[16:24]) == (1200, 3000) and len(shot) > 50000, f"a screenshot of {len(shot)} bytes")
    browse(page, "1200,900", f"--print-to-pdf={where}/page.pdf")
    check((where / "page.pdf").read_bytes().startswith(b"%PDF"), "the page can't be printed")
    if os.environ.get("SIMMER_KEEP"):
        shutil.copytree(where, os.environ["SIMMER_KEEP"], dirs_exist_ok=True)


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
    test_errors(Path(place), made)
    test_notebook(made)
finish()
