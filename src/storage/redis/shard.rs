//! Shards: the parts that the sidecar's own keys are divided into.

/// The shard of a key among `shards`: the same in every process and release.
pub fn shard_of(key: &str, shards: usize) -> usize {
    if shards <= 1 {
        return 0;
    }
    // FNV-1a, and the finalizer of SplitMix64, since the lowest bits of FNV alone are not even.
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut bits = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    usize::try_from(bits % shards as u64).unwrap_or(0)
}
