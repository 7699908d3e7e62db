from tests.tools.metrics_docs import PATH, metrics_reference


def test_the_metrics_reference_is_up_to_date():
    assert PATH.read_text(encoding="utf-8") == metrics_reference(), "run: python -m tests.tools.metrics_docs"
