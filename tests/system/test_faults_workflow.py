"""A sweep's workflow when things around it go wrong, or are other than usual."""

import faults_workflow
import pytest
import yaml
from conftest import REPOSITORY
from faults_workflow import ONE, attempt, run


@pytest.mark.parametrize("name", dict(faults_workflow.ROWS))
def test_what_comes_of_a_fault(name, tmp_path):
    assert dict(faults_workflow.ROWS)[name](tmp_path)


def test_a_configfile_is_answered_with_what_to_write(tmp_path):
    code, said = attempt(tmp_path, "--configfile", "tiny.yaml")
    assert code != 0
    assert "a sweep is named by --config: `--config sweep=" in said
    assert "Traceback" not in said


def test_from_elsewhere_the_default_sweep_is_the_checkouts(tmp_path):
    said = run(tmp_path, "gather", "--dry-run", "--quiet", "reason")
    assert f"{REPOSITORY}/config/demo.yaml" in said


def test_the_workflow_is_a_module_of_another(tmp_path):
    """Its results under a prefix; its config and its notebook where they are."""
    (tmp_path / "Snakefile").write_text(f"""
module eiphase:
    snakefile: {str(REPOSITORY / "Snakefile")!r}
    config: {{"sweep": "tiny.yaml"}}
    prefix: "deep/er"
use rule * from eiphase as eiphase_*
rule everything:
    default_target: True
    input: rules.eiphase_all.input, rules.eiphase_notebook.output
""")
    (tmp_path / "profiles").symlink_to(REPOSITORY / "profiles")
    said = run(
        tmp_path, "--dry-run", "--quiet", "reason", checkout=tmp_path, config=ONE | {"seeds": [1]}
    )
    assert f"{REPOSITORY}/notebooks/phase_map.py" in said
    assert "output: deep/er/results/tiny/phase_map.nc" in said
    assert "tiny.yaml, deep/er/results/tiny/tiles" in said


def test_only_the_name_of_a_config_that_is_a_braces_is_refused(tmp_path):
    (tmp_path / "{a}").mkdir()
    (tmp_path / "{a}/mine.yaml").write_text(yaml.safe_dump(ONE))
    code, said = attempt(tmp_path, "--config", "sweep={a}/mine.yaml")
    assert code != 0
    assert "Sweep config {a}/mine.yaml: Snakemake takes no name with a brace." in said
