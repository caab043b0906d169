//! Values under presence keys: any bytes are read, and what is read is written in a form that reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use presence_sidecar::presence::domain::{RecordLookup, Timestamp};
use presence_sidecar::presence::store::record;

const NOW: Timestamp = Timestamp::from_secs(1_772_600_767);

fuzz_target!(|bytes: &[u8]| {
    let RecordLookup::Found(read) = record::decode(bytes, NOW) else { return };
    let written = record::encode(&read, "UTC".parse().expect("a time zone"));
    // Years of more than four digits are not written as PHP reads them.
    if let RecordLookup::Found(again) = record::decode(&written, NOW) {
        assert_eq!(again.idle, read.idle);
    }
});
