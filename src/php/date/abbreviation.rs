//! The abbreviations of time zones in timelib, without those of local mean times. Ambiguous ones such as `ist`, `bst` and
//! `cst` have the meaning that PHP gives them.

/// Minutes ahead of UTC, and the abbreviations of that offset. A single letter is a military zone.
const ABBREVIATIONS: [(i32, &str); 34] = [
    (-720, "y"),
    (-660, "sst x"),
    (-600, "ahst bdt hst w"),
    (-570, "hdt hpt hwt"),
    (-540, "ahdt akst v yst"),
    (-480, "akdt pst u ydt ypt ywt"),
    (-420, "mst pdt ppt pwt t yddt"),
    (-360, "cst mdt mpt mwt pddt s"),
    (-300, "cdt cpt cwt est mddt r"),
    (-240, "ast cddt edt ept ewt q"),
    (-210, "nst"),
    (-180, "adt apt awt eddt p"),
    (-150, "ndt npt nwt"),
    (-120, "addt o"),
    (-90, "nddt"),
    (-60, "n"),
    (0, "gmt uct utc wet z zulu"),
    (60, "a bst cet met wat west"),
    (120, "b bdst cat cest eet ist mest sast wast wemt"),
    (180, "c cemt eat eest idt msk"),
    (240, "d iddt msd"),
    (300, "e pkt"),
    (360, "f pkst"),
    (420, "g wib"),
    (480, "awst h hkt wita"),
    (510, "kst"),
    (540, "awdt hkst i jst wit"),
    (570, "acst cast"),
    (600, "aest chst gst jdt k kdt"),
    (630, "acdt"),
    (660, "aedt gdt l"),
    (690, "nzmt"),
    (720, "m nzst"),
    (780, "nzdt"),
];

/// The maximum length of an abbreviation.
const MAX_LEN: usize = 4;

/// The offset from UTC of the zone with this abbreviation, in seconds.
pub(super) fn offset(name: &str) -> Option<i32> {
    if name.is_empty() || name.len() > MAX_LEN {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let has_name = |(_, names): &&(i32, &str)| names.split(' ').any(|known| known == name);
    ABBREVIATIONS.iter().find(has_name).map(|(minutes, _)| minutes * 60)
}
