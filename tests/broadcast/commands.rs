//! `broadcast test` and `doctor`.

use std::process::Output;

use crate::support::{Reverb, free_port};

async fn run(arguments: &[&str], environment: Vec<(&'static str, String)>) -> (Option<i32>, String) {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let storage = tempfile::tempdir().unwrap();
    let output: Output = tokio::task::spawn_blocking(move || {
        std::process::Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
            .args(arguments)
            .env_clear()
            .env("PRESENCE_STORAGE", storage.path())
            .envs(environment)
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn broadcast_test_publishes_an_event_that_pages_do_not_listen_to() {
    let server = Reverb::start().await;
    let (code, text) = run(&["broadcast", "test"], server.environment()).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("presence.test was published on status.global"), "{text}");
    let events = server.events();
    assert_eq!((events.len(), events[0].name.as_str()), (1, "presence.test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_say_what_to_correct() {
    let server = Reverb::start().await;
    let with = |name: &'static str, value: &str| {
        let mut environment = server.environment();
        environment.push((name, value.to_owned()));
        environment
    };
    for (environment, problem, fix) in [
        (with("REVERB_APP_SECRET", "wrong"), "HTTP 401: Authentication signature invalid.", "REVERB_APP_SECRET"),
        (with("REVERB_APP_ID", "nope"), "HTTP 404: No matching application", "REVERB_APP_ID"),
        (with("REVERB_SERVER_PATH", "/reverb"), "HTTP 404: Not found.", "REVERB_SERVER_PATH"),
        (with("REVERB_PORT", &free_port().to_string()), "no connection", "REVERB_PORT"),
    ] {
        for command in [&["broadcast", "test"][..], &["doctor"]] {
            let (code, text) = run(command, environment.clone()).await;
            assert_eq!(code, Some(1), "{text}");
            assert!(text.contains(problem) && text.contains(fix), "{text}");
        }
    }
    let (_, text) = run(&["doctor"], server.environment()).await;
    assert!(text.contains("ok   broadcast: reverb at http://127.0.0.1"), "{text}");
    assert!(server.events().is_empty(), "doctor publishes nothing");
    // The server does not compare the key, so nothing is said about it.
    let (_, text) = run(&["doctor"], with("REVERB_APP_KEY", "nope")).await;
    assert!(text.contains("accepts id and secret of the application"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_may_have_its_api_under_a_path() {
    let server = Reverb::under("/live/reverb").await;
    let mut environment = server.environment();
    environment.push(("REVERB_SERVER_PATH", "/live/reverb".to_owned()));
    let (code, text) = run(&["broadcast", "test"], environment.clone()).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(server.events().len(), 1);
    environment.pop();
    environment.push(("REVERB_SERVER_PATH", "/live?reverb".to_owned()));
    let (code, text) = run(&["broadcast", "test"], environment).await;
    assert!(code == Some(1) && text.contains("broadcast.reverb.path"), "{text}");
}
