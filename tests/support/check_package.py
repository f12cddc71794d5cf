"""Build wheel and sdist, check them, and run a sweep from the wheel, far from the repository.

`python check_package.py` makes an environment with `pip install` alone, with Lava by
`eiphase install-lava`, and runs a small sweep in an empty folder without activating it. It takes
minutes, most of them for the kernels to compile.
"""

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CONFIG = """
network: {neurons: 40}
grid: {q_factor: [1.0, 6.0], g_factor: [4.5]}
seeds: [1]
backends: [rate, lif_float, lif_bit_accurate]
simulation: {steps: 300, burn_in: 100, max_lag: 50}
"""


def run(*words: object, folder: Path, code: int = 0) -> str:
    """What a command prints, which must end with this code; PATH has no environment."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    found = subprocess.run(
        [*map(str, words)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == code, f"{words}: {found.stdout}{found.stderr}"
    return found.stdout + found.stderr


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="package-") as name:
        folder = Path(name)
        build = [sys.executable, "-m", "hatchling", "build", "--directory", folder / "dist"]
        subprocess.run([*build, "--target", "sdist"], cwd=REPOSITORY, check=True)
        (sdist,) = (folder / "dist").iterdir()
        shutil.unpack_archive(sdist, folder / "source", filter="data")
        (source,) = (folder / "source").iterdir()
        subprocess.run([*build, "--target", "wheel"], cwd=source, check=True)
        (wheel,) = (folder / "dist").glob("*.whl")
        run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist, folder=folder)
        venv.create(folder / "env", with_pip=True)
        subprocess.run([folder / "env/bin/pip", "install", "--quiet", wheel], check=True)
        check(folder / "env/bin/eiphase", folder)
    print("The wheel runs a sweep.")


def check(eiphase: Path, folder: Path) -> None:
    """From no Lava to a phase map."""
    (folder / "mine.yaml").write_text(CONFIG, encoding="utf-8")
    assert "`eiphase install-lava` installs it" in run(
        eiphase, "run", "mine.yaml", folder=folder, code=1
    )
    run(eiphase, "init", folder=folder)
    subprocess.run([eiphase, "install-lava"], check=True)
    said = run(eiphase, "run", "mine.yaml", "--cores", "2", folder=folder)
    where = "The phase map is results/mine/phase_map.nc, its figures are in results/mine/figures."
    assert said.splitlines().count(where) == 1, said
    assert list((folder / "results/mine/figures").glob("*.png"))
    assert "lif_bit_accurate" in run(eiphase, "show", "results/mine/phase_map.nc", folder=folder)


if __name__ == "__main__":
    main()
