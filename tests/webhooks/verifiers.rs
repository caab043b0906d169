//! Verification by others: PHP in a real Laravel, and the Standard Webhooks library.

use std::process::{Child, Stdio};
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Post, Receiver, Sidecar, command, fixture, free_port, test_tool};

/// Metas that JSON encoders encode differently.
fn metas() -> Vec<Value> {
    vec![
        json!([]),
        json!({"url": "https://app.test/a/b?c=d&e=f", "path": "\\server\\share"}),
        json!({"name": "Zoë Ünïcödé", "emoji": "🎉👩‍👩‍👧", "rtl": "שלום", "quote": "\"'<>&"}),
        json!({"nested": {"deep": {"list": [1, 2.5, 1.0, -0.0, null, true, {"a": []}]}}, "empty": {}}),
        json!(["a", "list"]),
        json!({"control": "tab\tline\nnull\u{0}", "separators": "\u{2028}\u{2029}"}),
    ]
}

async fn sidecar_posting_to(url: &str, more: &[(&'static str, String)]) -> Sidecar {
    let mut environment = vec![
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", url.to_owned()),
        ("PRESENCE_WEBHOOK_SECRET", "base64:c2VjcmV0LXdpdGgtYS1wcmVmaXg=".to_owned()),
    ];
    environment.extend(more.iter().cloned());
    Sidecar::with(&environment).await
}

/// PHP's built-in web server with the documented receiver.
struct Php {
    url: String,
    folder: TempDir,
    child: Child,
}

impl Php {
    fn start() -> Self {
        let (port, folder) = (free_port(), TempDir::new().unwrap());
        let child = command("laravel")
            .args(["-S", &format!("127.0.0.1:{port}")])
            .arg(fixture("webhooks/receiver.php"))
            .env("PRESENCE_RECEIVED", folder.path().join("received"))
            .env("PRESENCE_WEBHOOK_SECRET", "base64:c2VjcmV0LXdpdGgtYS1wcmVmaXg=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { url: format!("http://127.0.0.1:{port}/hooks/presence"), folder, child }
    }

    async fn received(&self, count: usize) -> Vec<Value> {
        for _ in 0..600 {
            let text = std::fs::read_to_string(self.folder.path().join("received")).unwrap_or_default();
            if text.lines().count() >= count {
                return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("PHP received {:?}", std::fs::read_to_string(self.folder.path().join("received")));
    }
}

impl Drop for Php {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn php_receiver_verifies_every_delivery_in_laravel() {
    require!("laravel");
    let php = Php::start();
    let sidecar = sidecar_posting_to(&php.url, &[("PRESENCE__WEBHOOK__SCHEDULE", "1s,1s,1s,1s".to_owned())]).await;
    for (user, meta) in metas().into_iter().enumerate() {
        let body = json!({"user_id": user, "meta": meta});
        assert_eq!(sidecar.client.post("/api/v1/presence/heartbeat", body).await.status, 200);
    }
    let received = php.received(metas().len()).await;
    assert!(
        received.iter().all(|post| post["event"] == "online" && post["meta"]["status"] == "online"),
        "{received:?}"
    );

    for header in ["t=1,v1=00", "", "t=1"] {
        let request = reqwest::Client::new().post(&php.url).header("X-Presence-Signature", header).body("{}");
        assert_eq!(request.send().await.unwrap().status(), 401, "{header}");
    }
}

/// The library's results for posts: headers, body, secret, and whether the secret is used as written.
fn verification_results(posts: &[(&Post, Vec<u8>, &str, bool)], change: impl Fn(&mut Value)) -> Vec<String> {
    let cases = posts.iter().map(|(post, body, secret, raw)| {
        let mut headers = json!(post.headers);
        change(&mut headers);
        let body = base64::engine::general_purpose::STANDARD.encode(body);
        json!({"headers": headers, "body": body, "secret": secret, "raw": raw})
    });
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("posts.json");
    std::fs::write(&file, json!(cases.collect::<Vec<_>>()).to_string()).unwrap();
    let python = test_tool("standardwebhooks/bin/python");
    let output = command(&python).arg(fixture("webhooks/verify.py")).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const FORMER: &str = "a previous secret, used as written";

#[tokio::test(flavor = "multi_thread")]
async fn standard_webhooks_library_accepts_secrets_without_padding_and_from_openssl() {
    require!(&test_tool("standardwebhooks/bin/python"));
    for secret in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMg", "whsec_6r7Cwx1Vl6+YcQX8n1f3yCxO/9vzVtOE1Y0fZbMfMZA="] {
        let receiver = Receiver::start().await;
        let sidecar = sidecar_posting_to(&receiver.url, &[("PRESENCE_WEBHOOK_SECRET", secret.to_owned())]).await;
        sidecar.client.post("/api/v1/presence/heartbeat", json!({"user_id": 1})).await;
        let posts = receiver.wait_for(1).await;
        let post = (&posts[0], posts[0].body.clone(), secret, false);
        assert_eq!(verification_results(&[post], |_| ()), ["accepted"], "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_webhooks_library_accepts_deliveries_and_nothing_else() {
    require!(&test_tool("standardwebhooks/bin/python"));
    let receiver = Receiver::start().await;
    let more = [
        ("PRESENCE_WEBHOOK_SECRET", WHSEC.to_owned()),
        ("PRESENCE__WEBHOOK__PREVIOUS_SECRETS", format!("[\"{FORMER}\"]")),
    ];
    let sidecar = sidecar_posting_to(&receiver.url, &more).await;
    for (user, meta) in metas().into_iter().enumerate() {
        sidecar.client.post("/api/v1/presence/heartbeat", json!({"user_id": user, "meta": meta})).await;
    }
    let posts = receiver.wait_for(metas().len()).await;
    let with = |secret, raw| posts.iter().map(|post| (post, post.body.clone(), secret, raw)).collect::<Vec<_>>();
    let all = |verdict: &str| vec![verdict.to_owned(); posts.len()];
    let refused = "WebhookVerificationError";
    assert_eq!(verification_results(&with(WHSEC, false), |_| ()), all("accepted"));
    assert_eq!(verification_results(&with(FORMER, true), |_| ()), all("accepted"), "the previous secret");
    assert_eq!(verification_results(&with("another secret", true), |_| ()), all(refused));
    let mut flipped = with(WHSEC, false);
    flipped.iter_mut().for_each(|(_, body, _, _)| body[1] ^= 1);
    assert_eq!(verification_results(&flipped, |_| ()), all(refused));
    let stale = |headers: &mut Value| headers["webhook-timestamp"] = json!("1772600767");
    assert_eq!(verification_results(&with(WHSEC, false), stale), all(refused));
}
