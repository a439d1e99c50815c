"""A review says of this project what happens to it, and how it gets there."""

from tests.second_project.place import STAGING, Harbour, by_layer


def test_review_knows_what_a_push_releases_and_what_opens(harbour_on_disk: Harbour) -> None:
    harbour = harbour_on_disk
    harbour.commit()
    configuration = harbour.root / "build" / "config" / STAGING / "blueprint.json"
    harbour.give(Brightness="0.5", TrialRange="203.0.113.0/24", Most=9)
    configuration.write_text(configuration.read_text().replace('"Brightness": "1.0"', '"Brightness": "0.5"'))
    harbour.replace("edge", "Port: !Ref TrialPort\n      Default", "Port: 7500\n      Default")

    document = harbour.review("--base", "HEAD")
    assert document["exit_code"] == 3
    (one,) = [entry for entry in document["environments"] if entry["name"] == STAGING]
    assert by_layer(one, "layers", "by") == {"edge": "deploy", "blueprint": "pipeline", "delivery": "deploy"}
    changes = {
        layer: [c["logical_id"] for c in found]
        for layer, found in by_layer(one, "layers", "resources").items()
    }
    assert changes == {
        "edge": ["FrontFirewall", "TrialEntrance"],
        "blueprint": ["Program"],
        "delivery": ["CrewSize"],
    }
    assert [(found["layer"], found["resource"]) for found in one["access"]] == [("edge", "FrontFirewall")]
    assert [(f["rule"], f["layer"], f["resource"]) for f in one["findings"]] == [
        ("stack-policy", "edge", "TrialEntrance")
    ]
