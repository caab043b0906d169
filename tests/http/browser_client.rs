//! `/presence.js` as a file: its size, its caching, its copies.

use std::io::Write;
use std::process::Stdio;

use crate::support::{Sidecar, command, fixture};

const SCRIPT: &str = include_str!("../../src/presence/browser_client/presence.js");

#[tokio::test]
async fn script_is_served_with_a_strong_tag_and_under_a_path_with_its_version() {
    let sidecar = Sidecar::start().await;
    let anonymous = sidecar.client.with_token("");
    let served = anonymous.get("/presence.js").await;
    assert_eq!((served.status, served.text.as_str()), (200, SCRIPT));
    let tag = served.headers["etag"].to_str().unwrap();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 30, "{tag}");
    assert_eq!(served.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(served.headers["cache-control"], "public, no-cache");
    let request = anonymous.request(reqwest::Method::GET, "/presence.js").header("If-None-Match", tag);
    let again = anonymous.send(request).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    let versioned = anonymous.get(concat!("/presence-", env!("CARGO_PKG_VERSION"), ".js")).await;
    assert_eq!((versioned.status, versioned.text.as_str()), (200, SCRIPT));
    assert_eq!(versioned.headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(anonymous.get("/presence.d.ts").await.status, 200);
}

#[test]
fn script_is_small() {
    require!("gzip");
    let mut gzip = command("gzip").args(["-9", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    gzip.stdin.take().unwrap().write_all(SCRIPT.as_bytes()).unwrap();
    let compressed = gzip.wait_with_output().unwrap().stdout.len();
    assert!(compressed <= 6 * 1024, "{compressed} bytes");
}

#[test]
fn package_of_php_and_package_of_npm_have_the_same_files_and_version() {
    let root = fixture("..");
    for file in ["presence.js", "presence.d.ts"] {
        let own = std::fs::read_to_string(root.join("src/presence/browser_client").join(file)).unwrap();
        let copy = std::fs::read_to_string(root.join("php-bridge/public").join(file)).unwrap();
        assert!(own == copy, "php-bridge/public/{file} differs: copy it from src/presence/browser_client/");
    }
    let package = std::fs::read_to_string(root.join("src/presence/browser_client/package.json")).unwrap();
    let package: serde_json::Value = serde_json::from_str(&package).unwrap();
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn npm_packs_the_folder_with_its_module_and_types() {
    require!("npm");
    let folder = fixture("../src/presence/browser_client");
    let output =
        command("npm").args(["pack", "--dry-run", "--json", "--offline"]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = packed[0]["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap());
    assert_eq!(files.collect::<Vec<_>>(), ["package.json", "presence.d.ts", "presence.js"]);
}
