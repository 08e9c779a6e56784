//! What a sender may write into its headers as it likes.

/// The fields that say nothing about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HeaderStyle {
    /// Time to live, in hops (RFC 9293 3.9.2, MUST-49). Default 64.
    pub ttl: u8,
    /// The octet of the differentiated services field (RFC 2474; RFC 9293 3.9.1.5, MUST-48). Its two low
    /// bits are not part of that: they come with each segment ([`super::Segment::ecn`]). Default 0.
    pub tos: u8,
    /// How the options of a SYN are laid out.
    pub options: OptionOrder,
}

/// The order of the options in a SYN, and how they are brought to whole words. Receivers do not care
/// (RFC 9293 3.2); people who compare captures do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OptionOrder {
    /// MSS, SACK-permitted, timestamps, window scale, with NOPs in front of what is short of a word.
    #[default]
    Linux,
    /// MSS, window scale, SACK-permitted, timestamps; the end is filled with zeros.
    Bsd,
}

impl Default for HeaderStyle {
    fn default() -> Self {
        HeaderStyle { ttl: 64, tos: 0, options: OptionOrder::default() }
    }
}
