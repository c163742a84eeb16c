use super::samples::Message;
use super::*;
use crate::pipeline::Relay;
use model::{CaptureTime, LinkType};
use simulate::{Scenario, Ward};

/// A ward through the pipeline into a hub, and every invented identifier on it.
fn shown(ward: &Ward) -> (Arc<Hub>, Vec<String>) {
    let hub = Arc::new(Hub::default());
    let mut relay = Relay::new("ward", inventory::Site::default(), Arc::clone(&hub)).unwrap();
    let mut push = |time, bytes: &[u8]| {
        relay.push(time, LinkType::Ethernet, bytes);
        Ok(())
    };
    let truth = ward.write(&mut push, &mut |_| {}).unwrap();
    relay.publish();
    (hub, truth.identifiers().into_iter().map(str::to_owned).collect())
}

#[test]
fn a_ward_is_shown_with_its_numbers_rates_and_no_patient() {
    let ward = Ward { monitors: 3, minutes: 0.5, ..Ward::default() };
    let (hub, identifiers) = shown(&ward);
    let (hello, past, _) = hub.join();
    let json = serde_json::to_value(&hello).unwrap();
    let beds = json["beds"].as_array().unwrap();
    let mut numbers: Vec<u64> = beds.iter().map(|bed| bed["bed"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3]);
    for bed in beds {
        assert!((900..1100).contains(&bed["cycle_ms"].as_i64().unwrap()), "{bed}");
        assert!(bed["asset"].as_str().unwrap().starts_with("a-"), "{bed}");
        assert_eq!(bed["alarm"], "not-sent");
        assert_eq!(bed["numerics"]["heart-rate"]["validity"], "valid", "{bed}");
        assert_eq!(bed["limits"]["heart-rate"]["alarm"], "on", "{bed}");
        assert_eq!(bed["integrity"]["verdict"], "pass", "{bed}");
        assert_eq!(bed["gaps"], 0);
    }
    let text = json.to_string();
    assert!(identifiers.iter().all(|word| !text.contains(word.as_str())), "{text}");
    // Five channels of ten seconds each.
    assert_eq!(past.len(), 3);
    let What::Samples(bytes) = &past[0].what else { panic!("{past:?}") };
    assert_eq!(bytes[..4], [1, 1, 5, 0]);
    assert_eq!(bytes[16], 1);
    // At the device's own rate, which is near 256 a second.
    assert!((2500..=2620).contains(&u16::from_le_bytes([bytes[18], bytes[19]])));
    let rate = f32::from_le_bytes(bytes[24..28].try_into().unwrap());
    assert!((250.0..262.0).contains(&rate), "{rate}");
}

#[test]
fn a_number_that_lies_is_shown_beside_its_waveforms_own_and_the_strip_is_kept() {
    let ward = Ward { monitors: 2, minutes: 2.5, scenarios: vec![Scenario::TamperNumber], ..Ward::default() };
    let (hub, _) = shown(&ward);
    let (hello, ..) = hub.join();
    let json = serde_json::to_value(&hello).unwrap();
    let lying = &json["beds"][0];
    assert_eq!(lying["integrity"]["verdict"], "fail", "{lying}");
    let shown = lying["numerics"]["heart-rate"]["value"].as_f64().unwrap();
    let own = lying["integrity"]["own"]["heart-rate"].as_f64().unwrap();
    assert!((shown - own - 20.0).abs() < 8.0, "{shown} {own}");
    assert_ne!(json["beds"][1]["integrity"]["verdict"], "fail", "{json}");
    let (id, asset) = (lying["id"].as_str().unwrap(), lying["asset"].as_str().unwrap());
    assert_eq!(id, format!("b-{}-1", &asset[2..]));
    let asset = AssetId(u64::from_str_radix(&asset[2..], 16).unwrap());
    let detail = hub.bed(Place { asset, bed: Some(1) }).unwrap();
    let detail = serde_json::to_value(detail).unwrap();
    assert_eq!(detail["strips"][0]["check"], "numeric-waveform-disagree", "{detail}");
    assert!(detail["strips"][0]["samples"].as_array().unwrap().len() > 1_000);
    assert!(detail["times_ms"].as_array().unwrap().len() > 20);
    assert_eq!(
        detail["shown"]["heart-rate"].as_array().unwrap().len(),
        detail["times_ms"].as_array().unwrap().len()
    );
}

#[test]
fn a_slow_client_skips_and_learns_how_much() {
    let hub = Arc::new(Hub::default());
    let (_, _, mut slow) = hub.join();
    for key in 0..u32::try_from(WAITING_MAX).unwrap() + 7 {
        hub.tell(News { key, place: None, what: What::Gone });
    }
    assert!(matches!(slow.try_recv(), Err(broadcast::error::TryRecvError::Lagged(7))));
    assert!(matches!(slow.try_recv(), Ok(News { key: 7, .. })));
}

#[test]
fn more_samples_than_a_length_can_say_go_in_two_parts() {
    let mut message = Message::new(9, CaptureTime::from_nanos(5));
    message.add(3, u32::MAX, 100.0, &vec![1; 70_000]);
    let bytes = message.finish().unwrap();
    assert_eq!(bytes[2..4], [2, 0]);
    assert_eq!(bytes.len(), 16 + 2 * 12 + 70_000);
    assert!(Message::new(9, CaptureTime::from_nanos(5)).finish().is_none());
}
