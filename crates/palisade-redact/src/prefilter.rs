//! One pass over a text that tells which rules are worth a try.
//!
//! Every four bytes, folded to one case, are looked up in a bit map of the four-byte beginnings
//! of all keywords; what is met there is compared in full. The same pass counts digits and finds
//! long runs of token characters and the bytes that encodings need. Most texts end here.

use std::sync::LazyLock;

use crate::rules::{self, Class, Form, names};

/// What the pass saw.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// A bit for each rule with a keyword in the text.
    rules: [u64; RULE_WORDS],
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
    /// The rules with a keyword in the text.
    pub(crate) fn has(&self, rule: usize) -> bool {
        self.rules.get(rule / 64).is_some_and(|word| word >> (rule % 64) & 1 == 1)
    }

    fn any_rule(&self) -> bool {
        self.rules.iter().any(|word| *word != 0)
    }

    /// Nothing that any rule or encoding could start from.
    pub(crate) fn is_idle(&self, personal: bool) -> bool {
        !self.any_rule()
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

/// Rules there may be at most, in words of 64.
const RULE_WORDS: usize = 4;

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

struct Keywords {
    bits: Box<[u64]>,
    /// Of every bucket the range of its entries.
    buckets: Box<[(u32, u32)]>,
    entries: Vec<Entry>,
}

const BITS: u32 = 17;
const BUCKET_SHIFT: u32 = 5;

static KEYWORDS: LazyLock<Keywords> = LazyLock::new(Keywords::build);

/// Looks the text over for the rules of a scope.
pub(crate) fn summarise(text: &str, personal: bool) -> Summary {
    let bytes = text.as_bytes();
    let mut summary = Summary::default();
    count(bytes, &mut summary);
    let keywords = &*KEYWORDS;
    for (position, window) in bytes.array_windows::<4>().enumerate() {
        let slot = slot(u32::from_le_bytes(*window) | CASE);
        let word = keywords.bits.get(slot / 64).copied().unwrap_or(0);
        if word >> (slot % 64) & 1 == 1 {
            keywords.confirm(bytes, position, slot, personal, &mut summary);
        }
    }
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
    let keywords = &*KEYWORDS;
    for (position, window) in padded.array_windows::<4>().enumerate() {
        let slot = slot(u32::from_le_bytes(*window) | CASE);
        let word = keywords.bits.get(slot / 64).copied().unwrap_or(0);
        if word >> (slot % 64) & 1 == 1 {
            keywords.confirm(padded, position, slot, true, &mut summary);
        }
    }
    name.len() > length || name.len() < 3 || !summary.names.is_empty()
}

const CASE: u32 = 0x2020_2020;

fn slot(gram: u32) -> usize {
    (gram.wrapping_mul(0x9E37_79B1) >> (32 - BITS)) as usize
}

fn count(bytes: &[u8], summary: &mut Summary) {
    let mut special = 0_u8;
    let mut semicolons = 0;
    // Counters of one byte let the loop run over many bytes at once; a chunk cannot overflow them.
    for chunk in bytes.chunks(CHUNK) {
        let (mut digit, mut colon, mut dot, mut semicolon, mut letter) =
            (0_u8, 0_u8, 0_u8, 0_u8, 0_u8);
        for byte in chunk {
            digit += u8::from(byte.is_ascii_digit());
            colon += u8::from(*byte == b':');
            dot += u8::from(*byte == b'.');
            semicolon += u8::from(*byte == b';');
            letter += u8::from((*byte | 0x20).wrapping_sub(b'a') < 26);
            special |= u8::from(*byte == b'@')
                | u8::from(*byte == b'%') << 1
                | u8::from(*byte == b'\\') << 2
                | u8::from(*byte == b'&') << 3
                | byte & 0x80;
        }
        summary.digits += usize::from(digit);
        summary.colons += usize::from(colon);
        summary.dots += usize::from(dot);
        summary.letters += usize::from(letter);
        semicolons += usize::from(semicolon);
    }
    summary.at = special & 1 != 0;
    summary.percent = special & 2 != 0;
    summary.backslash = special & 4 != 0;
    // Entities end with a semicolon; queries have ampersands without.
    summary.ampersand = special & 8 != 0 && semicolons > 0;
    summary.non_ascii = special & 0x80 != 0;
    let mixed = |(start, end): &(usize, usize)| {
        let run = bytes.get(*start..*end).unwrap_or(&[]);
        run.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    };
    summary.run = runs(bytes).filter(mixed).map(|(start, end)| end - start).max().unwrap_or(0);
}

const CHUNK: usize = 240;

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
        let mut grams: Vec<(usize, usize)> = Vec::new();
        let mut entries = Vec::new();
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
            let index = entries.len();
            let at = |position: usize| entry.keyword.get(position).copied();
            let head = [at(0), at(1), at(2)].map(|byte| byte.unwrap_or(0));
            let [a, b, c] = head;
            // A keyword of three bytes stands for all its continuations.
            let continuations = at(3).map_or(0..=255, |byte| byte..=byte);
            let mut slots: Vec<usize> =
                continuations.map(|d| slot(u32::from_le_bytes([a, b, c, d]) | CASE)).collect();
            slots.sort_unstable();
            slots.dedup();
            grams.extend(slots.into_iter().map(|slot| (slot, index)));
            entries.push(entry);
        }
        Self::index(grams, &entries)
    }

    /// Orders the entries by bucket; an entry with several beginnings stands in several.
    fn index(mut grams: Vec<(usize, usize)>, entries: &[Entry]) -> Self {
        grams.sort_unstable_by_key(|(slot, index)| (slot >> BUCKET_SHIFT, *index));
        let mut bits = vec![0_u64; (1 << BITS) / 64];
        let mut buckets = vec![(0, 0); 1 << (BITS - BUCKET_SHIFT)];
        let mut ordered: Vec<Entry> = Vec::with_capacity(grams.len());
        let mut last = None;
        for (slot, index) in grams {
            if let Some(word) = bits.get_mut(slot / 64) {
                *word |= 1 << (slot % 64);
            }
            let bucket = slot >> BUCKET_SHIFT;
            if last == Some((bucket, index)) {
                continue;
            }
            last = Some((bucket, index));
            let position = u32::try_from(ordered.len()).unwrap_or(u32::MAX);
            if let Some(Entry { keyword, exact, ends, personal, owner }) = entries.get(index) {
                let entry = Entry {
                    keyword,
                    exact: *exact,
                    ends: *ends,
                    personal: *personal,
                    owner: *owner,
                };
                ordered.push(entry);
            }
            if let Some((start, end)) = buckets.get_mut(bucket) {
                if *end == 0 {
                    *start = position;
                }
                *end = position + 1;
            }
        }
        Self { bits: bits.into(), buckets: buckets.into(), entries: ordered }
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
                    if let Some(word) = summary.rules.get_mut(rule / 64) {
                        *word |= 1 << (rule % 64);
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
