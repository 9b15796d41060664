//! One pass over a text that tells which rules are worth a try.
//!
//! At every position the next four bytes, folded to one case, are looked up in a bit map of the
//! four-byte beginnings of all keywords, and the next three in another one for keywords that have
//! no more; what is met there is compared in full. The same pass counts digits and finds
//! long runs of token characters and the bytes that encodings need. Most texts end here.

use std::sync::LazyLock;

use crate::rules::{self, Class, Form, names};

/// What the pass saw.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// The rules with a keyword in the text, and where it stands; in the order of the text. Hits
    /// of one rule in close succession stand there once.
    pub(crate) hits: Vec<(usize, usize)>,
    /// Where telling names may be: the position of the trigger, ascending.
    pub(crate) names: Vec<usize>,
    pub(crate) digits: usize,
    pub(crate) colons: usize,
    pub(crate) dots: usize,
    pub(crate) letters: usize,
    /// The longest run of token characters with a digit or a capital, in bytes.
    pub(crate) run: usize,
    pub(crate) at: bool,
    pub(crate) percent: bool,
    pub(crate) backslash: bool,
    pub(crate) ampersand: bool,
    pub(crate) non_ascii: bool,
}

impl Summary {
    /// Nothing that any rule or encoding could start from.
    pub(crate) fn is_idle(&self, personal: bool) -> bool {
        self.hits.is_empty()
            && self.names.is_empty()
            && self.run < RUN_MIN
            && !(self.at || self.percent || self.backslash || self.ampersand || self.non_ascii)
            && !(personal && self.may_have_codes())
    }

    /// Enough digits or colons for a rule over digits or codes.
    pub(crate) fn may_have_codes(&self) -> bool {
        self.digits >= 6 || self.may_have_mixed_codes() || self.may_have_net_addresses()
    }

    /// Digits and letters, as most codes have them.
    pub(crate) fn may_have_mixed_codes(&self) -> bool {
        self.digits >= 2 && self.letters >= 1 && self.digits + self.letters >= 6
            || self.digits >= 15
            || self.colons >= 5
    }

    /// Enough dots or colons for an address of a machine.
    pub(crate) fn may_have_net_addresses(&self) -> bool {
        self.dots >= 2 && self.digits >= 4 || self.colons >= 2
    }
}

/// Hits of one rule that are closer than this count as one.
pub(crate) const HIT_BYTES: usize = 128;

/// So many hits are looked at for one of the same rule.
const HITS_BACK: usize = 8;

/// Shorter runs are no token, and decode to nothing worth hiding.
pub(crate) const RUN_MIN: usize = 16;

/// The rules over long runs need this much.
pub(crate) const RUN_LONG: usize = 22;

struct Entry {
    keyword: &'static [u8],
    /// Letters must have this case.
    exact: bool,
    /// Must not go on with letters: short names occur inside many words.
    ends: bool,
    personal: bool,
    owner: Owner,
}

#[derive(Clone, Copy)]
enum Owner {
    Name,
    Rule(usize),
}

/// The keywords that share a length of their beginnings.
struct Table {
    bits: Box<[u64; WORDS]>,
    /// Of every bucket the range of its entries.
    buckets: Box<[(u32, u32)]>,
    entries: Vec<Entry>,
}

struct Keywords {
    four: Table,
    three: Table,
}

const BITS: u32 = 16;
const WORDS: usize = 1 << (BITS - 6);
const BUCKET_SHIFT: u32 = 4;

static KEYWORDS: LazyLock<Keywords> = LazyLock::new(Keywords::build);

/// Looks the text over for the rules of a scope.
pub(crate) fn summarise(text: &str, personal: bool) -> Summary {
    let bytes = text.as_bytes();
    let mut summary = Summary::default();
    count(bytes, &mut summary);
    look_up(bytes, personal, &mut summary);
    summary
}

/// Whether a field name holds a trigger of a telling name.
pub(crate) fn may_tell(name: &str) -> bool {
    let mut summary = Summary::default();
    let mut padded = [0_u8; 64];
    let length = name.len().min(60);
    for (to, from) in padded.iter_mut().zip(name.bytes().take(length)) {
        *to = from;
    }
    let padded = padded.get(..length + 2).unwrap_or(&[]);
    look_up(padded, true, &mut summary);
    name.len() > length || !summary.names.is_empty()
}

#[inline]
fn look_up(bytes: &[u8], personal: bool, summary: &mut Summary) {
    let Keywords { four, three } = &*KEYWORDS;
    let (four_bits, three_bits) = (&*four.bits, &*three.bits);
    for (position, window) in bytes.array_windows::<4>().enumerate() {
        let gram = u32::from_le_bytes(*window) | CASE;
        let slots = (slot(gram), slot(gram & THREE));
        if has(four_bits, slots.0) | has(three_bits, slots.1) {
            four.confirm(bytes, position, slots.0, personal, summary);
            three.confirm(bytes, position, slots.1, personal, summary);
        }
    }
}

#[inline]
fn has(bits: &[u64; WORDS], slot: usize) -> bool {
    bits.get(slot / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
}

const CASE: u32 = 0x2020_2020;
const THREE: u32 = 0x00ff_ffff;

#[inline]
fn slot(gram: u32) -> usize {
    (gram.wrapping_mul(0x9E37_79B1) >> (32 - BITS)) as usize
}

fn count(bytes: &[u8], summary: &mut Summary) {
    let mut special = 0;
    // Four counters of eight bits in one sum; a chunk cannot overflow them.
    for chunk in bytes.chunks(CHUNK) {
        let mut counts = 0_u32;
        for byte in chunk {
            let (count, flags) = CLASSES.get(usize::from(*byte)).copied().unwrap_or((0, 0));
            counts += count;
            special |= flags;
        }
        let [digits, colons, dots, letters] = counts.to_le_bytes();
        summary.digits += usize::from(digits);
        summary.colons += usize::from(colons);
        summary.dots += usize::from(dots);
        summary.letters += usize::from(letters);
    }
    summary.at = special & 1 != 0;
    summary.percent = special & 2 != 0;
    summary.backslash = special & 4 != 0;
    // Entities end with a semicolon; queries have ampersands without.
    summary.ampersand = special & 8 != 0 && special & 0x10 != 0;
    summary.non_ascii = special & 0x80 != 0;
    let mixed = |(start, end): &(usize, usize)| {
        let run = bytes.get(*start..*end).unwrap_or(&[]);
        run.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    };
    summary.run = runs(bytes).filter(mixed).map(|(start, end)| end - start).max().unwrap_or(0);
}

const CHUNK: usize = 240;

/// Of every byte what it counts as, and what it is a sign of.
#[expect(clippy::indexing_slicing, reason = "a constant: the compiler would say so")]
static CLASSES: [(u32, u32); 256] = {
    let mut classes = [(0, 0); 256];
    let mut byte = 0_u8;
    loop {
        let count = match byte {
            b'0'..=b'9' => 1,
            b':' => 1 << 8,
            b'.' => 1 << 16,
            b'a'..=b'z' | b'A'..=b'Z' => 1 << 24,
            _ => 0,
        };
        let flags = match byte {
            b'@' => 1,
            b'%' => 2,
            b'\\' => 4,
            b'&' => 8,
            b';' => 0x10,
            0x80.. => 0x80,
            _ => 0,
        };
        classes[byte as usize] = (count, flags);
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

/// Runs of at least [`RUN_MIN`] token characters, as their starts and ends. Looks from the end of
/// each window backwards, so that most bytes are never looked at.
pub(crate) fn runs(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        loop {
            let window = bytes.get(start..start + RUN_MIN)?;
            if let Some(gap) = window.iter().rposition(|byte| !is_token(*byte)) {
                start += gap + 1;
                continue;
            }
            let rest = bytes.get(start..).unwrap_or(&[]);
            let length = rest.iter().position(|byte| !is_token(*byte)).unwrap_or(rest.len());
            let run = (start, start + length);
            start += length;
            return Some(run);
        }
    })
}

/// What tokens, base64 and hexadecimal text are made of.
pub(crate) fn is_token(byte: u8) -> bool {
    TOKENS.get(usize::from(byte / 64)).is_some_and(|word| word >> (byte % 64) & 1 == 1)
}

/// A bit for each token character: letters, digits, `+`, `/`, `=`, `_`, `-`.
const TOKENS: [u64; 4] = [0x23ff_a800_0000_0000, 0x07ff_fffe_87ff_fffe, 0, 0];

impl Keywords {
    fn build() -> Self {
        let (mut four, mut three) = (Vec::new(), Vec::new());
        let triggers = names::TRIGGERS.iter().map(|trigger| Entry {
            keyword: trigger.as_bytes(),
            exact: false,
            ends: trigger.len() <= 4,
            personal: false,
            owner: Owner::Name,
        });
        let keywords = rules::all().enumerate().flat_map(|(index, rule)| {
            let (keywords, pattern) = match rule.form {
                Form::Pattern { keywords, pattern } => (keywords, pattern),
                _ => (&[][..], ""),
            };
            keywords.iter().map(move |keyword| Entry {
                keyword: keyword.as_bytes(),
                exact: !pattern.starts_with("(?i"),
                ends: false,
                personal: rule.class == Class::Personal,
                owner: Owner::Rule(index),
            })
        });
        for entry in triggers.chain(keywords) {
            let at = |position: usize| entry.keyword.get(position).copied().unwrap_or(0);
            let gram = u32::from_le_bytes([at(0), at(1), at(2), at(3)]) | CASE;
            if entry.keyword.len() < 4 {
                three.push((slot(gram & THREE), entry));
            } else {
                four.push((slot(gram), entry));
            }
        }
        Self { four: Table::new(four), three: Table::new(three) }
    }
}

impl Table {
    /// Orders the entries by bucket.
    fn new(mut slots: Vec<(usize, Entry)>) -> Self {
        slots.sort_by_key(|(slot, _)| slot >> BUCKET_SHIFT);
        let mut bits = Box::new([0_u64; WORDS]);
        let mut buckets = vec![(0, 0); 1 << (BITS - BUCKET_SHIFT)];
        let mut entries = Vec::with_capacity(slots.len());
        for (slot, entry) in slots {
            if let Some(word) = bits.get_mut(slot / 64) {
                *word |= 1 << (slot % 64);
            }
            let position = u32::try_from(entries.len()).unwrap_or(u32::MAX);
            if let Some((start, end)) = buckets.get_mut(slot >> BUCKET_SHIFT) {
                if *end == 0 {
                    *start = position;
                }
                *end = position + 1;
            }
            entries.push(entry);
        }
        Self { bits, buckets: buckets.into(), entries }
    }

    /// Compares the keywords that may begin at a position.
    #[inline(never)]
    fn confirm(
        &self,
        bytes: &[u8],
        position: usize,
        slot: usize,
        personal: bool,
        summary: &mut Summary,
    ) {
        let (start, end) = self.buckets.get(slot >> BUCKET_SHIFT).copied().unwrap_or((0, 0));
        let rest = bytes.get(position..).unwrap_or(&[]);
        for entry in self.entries.get(start as usize..end as usize).unwrap_or(&[]) {
            let Some((head, tail)) = rest.split_at_checked(entry.keyword.len()) else {
                continue;
            };
            let same = if entry.exact {
                head == entry.keyword
            } else {
                head.eq_ignore_ascii_case(entry.keyword)
            };
            if !same || entry.personal && !personal || entry.ends && goes_on(head, tail) {
                continue;
            }
            match entry.owner {
                Owner::Name if summary.names.last() != Some(&position) => {
                    summary.names.push(position);
                }
                Owner::Name => {}
                Owner::Rule(rule) => {
                    let close = |hit: &&(usize, usize)| hit.1 + HIT_BYTES > position;
                    let mut recent = summary.hits.iter().rev().take(HITS_BACK).take_while(close);
                    if recent.all(|hit| hit.0 != rule) {
                        summary.hits.push((rule, position));
                    }
                }
            }
        }
    }
}

/// The word does not end with `head`: `pin` in `pinned`, but not in `pinCode` or `pins`.
fn goes_on(head: &[u8], tail: &[u8]) -> bool {
    let upper = head.last().is_some_and(u8::is_ascii_uppercase);
    let plural = tail.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&b's'));
    let tail = if plural { tail.get(1..).unwrap_or(&[]) } else { tail };
    tail.first().is_some_and(|next| next.is_ascii_lowercase() || upper && next.is_ascii_uppercase())
}
