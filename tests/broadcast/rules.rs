//! The rules: names of channels, batches within limits, signatures.

use presence_sidecar::broadcast::domain::batch::{BatchEntry, BatchLimits, body, requests, split};
use presence_sidecar::broadcast::domain::channel::{encode_id, user_channel};
use presence_sidecar::broadcast::domain::signature::signed_url;
use presence_sidecar::config::{Sources, load};

use crate::support::command;

struct Entry(Vec<String>, bool);

impl BatchEntry for Entry {
    fn items(&self) -> &[String] {
        &self.0
    }

    fn is_alone(&self) -> bool {
        self.1
    }
}

fn sizes(entries: Vec<Entry>, bytes: usize, items: usize) -> Vec<usize> {
    split(entries, BatchLimits { bytes, items }).iter().map(Vec::len).collect()
}

fn entry(items: usize) -> Entry {
    Entry(vec!["123456789".to_owned(); items], false)
}

#[test]
fn batches_keep_to_bytes_and_items_and_keep_each_change_together() {
    assert_eq!(sizes((0..7).map(|_| entry(2)).collect(), 1000, 6), [3, 3, 1]);
    assert_eq!(sizes((0..7).map(|_| entry(2)).collect(), 40, 100), [2, 2, 2, 1]);
    assert_eq!(sizes(vec![entry(1), entry(9), entry(1)], 40, 100), [1, 1, 1], "one that is too large is alone");
    let refused = || Entry(vec!["1".to_owned()], true);
    assert_eq!(sizes(vec![entry(1), refused(), entry(1), entry(1), refused()], 1000, 100), [1, 1, 2, 1]);
    let item = "{}".to_owned();
    assert_eq!(body(&[&item, &item]), b"{\"batch\":[{},{}]}");
}

#[test]
fn change_with_more_items_than_fit_is_divided_into_requests() {
    let sizes = |items: usize, limits: (usize, usize)| -> Vec<usize> {
        let items = vec!["123456789".to_owned(); items];
        let limits = BatchLimits { bytes: limits.0, items: limits.1 };
        requests(items.iter(), limits).iter().map(Vec::len).collect()
    };
    assert_eq!(sizes(11, (1_000, 10)), [10, 1]);
    assert_eq!(sizes(9, (40, 100)), [4, 4, 1]);
    assert_eq!(sizes(2, (5, 100)), [1, 1], "one that is too large is alone");
    assert_eq!(sizes(3, (1_000, 10)), [3]);
}

#[test]
fn ids_are_encoded_as_the_php_package_encodes_them() {
    let ids = ["42", "acme:7", "ada+x@example.com", "Zoë", "a b/c.d", "=3A", "-_@,;"];
    let autoload = "php-bridge/src/Support/ChannelName.php";
    let script = format!(
        "require '{}/{autoload}'; foreach (json_decode($argv[1]) as $id) {{ \
         echo AesirCloud\\Presence\\Support\\ChannelName::encode($id), \"\\n\"; }}",
        env!("CARGO_MANIFEST_DIR")
    );
    require!("php");
    let output = command("php").args(["-r", &script, &serde_json::to_string(&ids).unwrap()]).output().unwrap();
    let encoded = String::from_utf8(output.stdout).unwrap();
    assert_eq!(encoded.lines().collect::<Vec<_>>(), ids.map(encode_id));
    assert_eq!(user_channel("presence.user.{id}", "acme:7"), "private-presence.user.acme=3A7");
}

#[test]
fn signature_is_that_of_the_protocol() {
    // The example of Pusher's documentation of its HTTP API.
    let environment = [
        ("PRESENCE_STORAGE", "/nonexistent/storage"),
        ("PRESENCE__BROADCAST__CONNECTION", "pusher"),
        ("PUSHER_APP_ID", "3"),
        ("PUSHER_APP_KEY", "278d425bdf160c739803"),
        ("PUSHER_APP_SECRET", "7ad3773142a6692b25b8"),
        ("PUSHER_HOST", "127.0.0.1"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let config = load(&Sources { environment, ..Sources::default() }).unwrap().config;
    let server = config.broadcast.server.unwrap();
    let body = br#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;
    let url = signed_url(&server, "POST", "/events", body, 1_353_088_179);
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let value = |name: &str| query.iter().find(|(known, _)| known == name).unwrap().1.as_str();
    assert_eq!(value("body_md5"), "ec365a775a4cd0599faeb73354201b6f");
    assert_eq!(value("auth_signature"), "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c");
    assert_eq!(url.path(), "/apps/3/events");
}
