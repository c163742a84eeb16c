//! What a gateway leaves in a store: contained since when, whether its rules still stand, and when it was removed.

use super::LAZARET;
use super::place::{At, Place, said, text};
use serde_json::{Value, json};

impl Place {
    /// Runs a step of the gateway with the store; its exit status and words.
    fn step(&self, step: &str) -> (Option<i32>, String) {
        let store = self.path("store");
        let step = [
            LAZARET,
            "gateway",
            step,
            "--device-interface",
            "device0",
            "--store",
            text(&store),
            "--by",
            "R. Haldis",
        ];
        let output = self.output(At::Gateway, &step);
        (output.status.code(), said(&output))
    }

    /// The one device that the containment report knows.
    fn contained(&self) -> Value {
        let store = self.path("store");
        let report = [LAZARET, "report", "--store", text(&store), "containment", "--format", "json"];
        let output = self.output(At::Gateway, &report);
        assert!(output.status.success(), "{}", said(&output));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let devices = report["devices"].as_array().unwrap();
        assert_eq!(devices.len(), 1, "{report:#}");
        devices[0].clone()
    }
}

#[test]
fn a_store_knows_since_when_a_gateway_contains_and_that_its_rules_were_changed() {
    let Some(place) = Place::new() else { return };
    let (status, words) = place.step("status");
    assert_eq!(status, Some(2), "{words}");
    let store = place.path("store");
    let mut options = place.asked_options();
    options.extend(["--store", text(&store), "--by", "R. Haldis"].map(str::to_owned));
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    place.start_gateway_to(&options);
    let device = place.contained();
    assert_eq!((&device["standing"], &device["addresses"]), (&json!("contained"), &json!(["202.114.4.8"])));
    assert_eq!(
        (&device["policies"][0]["name"], &device["policies"][0]["by"]),
        (&json!("ward"), &json!("R. Haldis"))
    );
    assert_eq!(device["proof"], Value::Null);

    let (status, words) = place.step("status");
    assert_eq!(status, Some(0), "{words}");
    let proof = place.contained()["proof"]["what"].clone();
    assert_eq!(proof, json!("the rules were found unchanged (gateway status)"));
    // Killed and started again it was closed all the time.
    place.end("gateway", "-KILL");
    place.start_gateway_to(&options);
    assert_eq!(place.contained()["since"], device["since"]);

    let open = ["nft", "insert", "rule", "inet", "lazaret_gateway", "across", "accept"];
    assert!(place.output(At::Gateway, &open).status.success());
    let (status, words) = place.step("status");
    assert!(status == Some(1) && words.contains("DRIFT"), "{words}");
    let broken = place.contained();
    assert_eq!(
        (&broken["standing"], &broken["against"][0]["rule"]),
        (&json!("broken"), &json!("policy-violation"))
    );

    place.end("gateway", "-TERM");
    let (status, words) = place.step("remove");
    assert_eq!(status, Some(0), "{words}");
    assert_ne!(place.contained()["policies"][0]["until"], Value::Null);
    let (status, words) = place.step("status");
    assert_eq!(status, Some(2), "{words}");
}
