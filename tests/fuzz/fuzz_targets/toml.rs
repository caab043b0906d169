//! Configuration files: a file is refused with one line, or resolved, and printed without its secrets.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use presence_sidecar::config::{Sources, load};
use tempfile::TempDir;

thread_local! {
    static FOLDER: LazyCell<TempDir> = LazyCell::new(|| TempDir::new().expect("a folder"));
}

fuzz_target!(|text: &str| {
    FOLDER.with(|folder| {
        let file = folder.path().join("presence.toml");
        std::fs::write(&file, text).expect("a file");
        match load(&Sources { file: Some(file), ..Sources::default() }) {
            Ok(loaded) => {
                let listing = loaded.describe();
                assert!(listing.lines().count() > 50);
                let _ = format!("{:?}", loaded.config);
            }
            Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
        }
    });
});
