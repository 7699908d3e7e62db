"""Scrape configuration, recording rules and alerts: what promtool says of them, and what it does not check."""

import json
import shutil
import subprocess

import pytest
import yaml

from tests.support.prometheus.deployed import PROMETHEUS, REPOSITORY, RULE_FILES, rules

ALERTS = rules("alerts.yml")
NAMES = [alert["alert"] for alert in ALERTS]
DOCUMENTS = "file:///usr/share/doc/edge_streamer/"
ON_THE_STREAM = "and on (job, instance, stream) edge_streamer_source_up == 1"
ON_THE_INSTANCE = "and on (job, instance) edge_streamer_source_up == 1"


def promtool(*arguments, cwd=PROMETHEUS):
    return subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_promtool_accepts_the_configuration_and_what_it_names():
    done = promtool("check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rule files found" in done.stdout


def test_promtool_accepts_the_rules():
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_only_then():
    done = promtool("test", "rules", "alerts.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stream_that_is_off_would_alarm_if_frozen_ones_were_matched_by_instance(tmp_path):
    shutil.copytree(PROMETHEUS, tmp_path, dirs_exist_ok=True)
    alerts = (tmp_path / "alerts.yml").read_text()
    frozen, low = alerts.split("- alert: EdgeStreamerFrameRateLow")
    assert frozen.count(ON_THE_STREAM) == 1
    loose = frozen.replace(ON_THE_STREAM, ON_THE_INSTANCE)
    (tmp_path / "alerts.yml").write_text(f"{loose}- alert: EdgeStreamerFrameRateLow{low}")
    done = promtool("test", "rules", "alerts.test.yml", cwd=tmp_path)
    assert done.returncode == 1
    assert 'stream="sub"' in done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_has_a_case_that_fires_and_one_that_must_not(name):
    cases = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
    checks = [[check for check in case["alert_rule_test"] if check["alertname"] == name] for case in cases]
    about_it = [case_checks for case_checks in checks if case_checks]
    assert any(any(check["exp_alerts"] for check in case) for case in about_it)
    assert any(not any(check["exp_alerts"] for check in case) for case in about_it)


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_each_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on(alert):
    assert alert["alert"].startswith("EdgeStreamer")
    assert alert["labels"]["severity"] in ("critical", "warning")
    notes = alert["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert len(notes["summary"]) < 100
    assert "$labels.instance" in notes["summary"]
    assert notes["runbook_url"] == f"{DOCUMENTS}operations.md#{alert['alert'].lower()}"


def test_the_alerts_are_few_and_each_has_a_name_of_its_own():
    assert len(set(NAMES)) == len(NAMES) == 14
    assert sum(alert["labels"]["severity"] == "critical" for alert in ALERTS) == 3


def test_what_is_recorded_is_used():
    recorded = {rule["record"] for rule in rules("rules.yml")}
    used = {name for name in recorded for alert in ALERTS if name in alert["expr"]}
    assert used == recorded


def test_the_example_of_a_fleet_gives_each_camera_its_name_and_its_other_labels():
    done = promtool("check", "service-discovery", "--timeout=2s", "prometheus.yml", "edge_streamer")
    labels_of_targets = (target["labels"] for target in json.loads(done.stdout))
    found = sorted(labels_of_targets, key=lambda labels: labels["instance"])  # promtool lists groups in any order
    named = [{name: value for name, value in labels.items() if not name.startswith("__")} for labels in found]
    assert named == [
        {"job": "edge_streamer", "instance": "gate", "site": "yard"},
        {"job": "edge_streamer", "instance": "lobby", "site": "house"},
    ]
    assert [labels["__address__"] for labels in found] == ["192.0.2.11:8080", "192.0.2.12:8080"]


def test_the_documents_are_installed_where_the_unit_says():
    assert f"Documentation={DOCUMENTS}" in (REPOSITORY / "systemd" / "edge_streamer.service").read_text()
