//! Values that phpredis packed: compressed, or written by another serializer than PHP's, as its options `compression` and
//! `serializer` say. Compressed ones are unpacked; of the others only the form is recognized.

use std::io::Read;

use ruzstd::decoding::StreamingDecoder;

use crate::php::serialize::MAX_BYTES;
use crate::presence::domain::ValueForm;

const ZSTD_MAGIC: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

/// The bytes of a value that is no serialized PHP value: its form, and what it contains if it is compressed.
pub(super) fn unpack(bytes: &[u8]) -> (ValueForm, Option<Vec<u8>>) {
    if bytes.starts_with(ZSTD_MAGIC) {
        return (ValueForm::Zstd, unpack_zstd(bytes));
    }
    if let Some((length, block)) = lz4_frame(bytes) {
        return (ValueForm::Lz4, lz4_flex::block::decompress(block, length).ok());
    }
    match bytes {
        [0, 0, 0, 1 | 2, ..] => (ValueForm::Igbinary, None),
        [b'{' | b'[' | b'"', ..] => (ValueForm::Json, None),
        // A map, an array or a text of MessagePack.
        [0x80..=0xBF | 0xD9..=0xDF, ..] => (ValueForm::Msgpack, None),
        // A block of LZF begins with a literal run.
        [0..32, ..] => match unpack_lzf(bytes) {
            Some(unpacked) => (ValueForm::Lzf, Some(unpacked)),
            None => (ValueForm::Other, None),
        },
        _ => (ValueForm::Other, None),
    }
}

fn unpack_zstd(bytes: &[u8]) -> Option<Vec<u8>> {
    // The decoder reserves what the head says, so that is checked before.
    if zstd_content_size(bytes)? > MAX_BYTES as u64 {
        return None;
    }
    let mut unpacked = Vec::new();
    let decoder = StreamingDecoder::new(bytes).ok()?;
    decoder.take(MAX_BYTES as u64 + 1).read_to_end(&mut unpacked).ok()?;
    Some(unpacked)
}

/// The size in the head of a frame (RFC 8878) whose content is one segment, as frames of known content are.
fn zstd_content_size(bytes: &[u8]) -> Option<u64> {
    let descriptor = bytes.get(4)?;
    let is_single_segment = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let (width, least) = [(1, 0), (2, 256), (4, 0), (8, 0)][usize::from(descriptor >> 6)];
    let field = bytes.get(5 + dictionary..)?.get(..width)?;
    let size = field.iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte));
    is_single_segment.then_some(size + least)
}

/// The length and the block of what phpredis compressed with LZ4: a CRC-8 of the length, the length as a little-endian
/// number of 32 bits, the block.
fn lz4_frame(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, block) = bytes.split_first_chunk::<5>()?;
    let [checksum, length @ ..] = *head;
    let size = usize::try_from(i32::from_le_bytes(length)).ok()?;
    (crc8(&length) == checksum && (1..=MAX_BYTES).contains(&size)).then_some((size, block))
}

/// The CRC-8 of phpredis: polynomial 0x31, initial value 0xFF.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0xFF, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 != 0 { crc << 1 ^ 0x31 } else { crc << 1 })
    })
}

/// Unpacks a block of liblzf. A control byte below 32 precedes a literal run; any other one is a reference into what is
/// unpacked already: three bits of length (7: the next byte is added), thirteen of distance.
fn unpack_lzf(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut unpacked = Vec::with_capacity(2 * bytes.len());
    let mut input = bytes.iter();
    while let Some(&control) = input.next() {
        if control < 32 {
            let run = usize::from(control) + 1;
            let (literal, rest) = input.as_slice().split_at_checked(run)?;
            unpacked.extend_from_slice(literal);
            input = rest.iter();
        } else {
            let mut length = usize::from(control >> 5) + 2;
            if length == 9 {
                length += usize::from(*input.next()?);
            }
            let distance = (usize::from(control & 31) << 8) + usize::from(*input.next()?) + 1;
            let start = unpacked.len().checked_sub(distance)?;
            // The source may overlap what is being written.
            (start..start + length).for_each(|at| unpacked.push(unpacked[at]));
        }
        if unpacked.len() > MAX_BYTES {
            return None;
        }
    }
    Some(unpacked)
}
