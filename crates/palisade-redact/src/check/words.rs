//! Whether a value looks generated or like words.

/// Shannon entropy in bits a byte.
pub(crate) fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum()
}

/// A digit, or too long for a word.
pub(crate) fn mixed(value: &str) -> bool {
    !placeholder(value) && (value.bytes().any(|byte| byte.is_ascii_digit()) || value.len() >= 24)
}

/// Upper case, lower case and digits at once.
pub(crate) fn mixed_case(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_lowercase())
        && value.bytes().any(|byte| byte.is_ascii_uppercase())
        && entropy(value) > 3.0
}

/// Base64 of `user:password`.
pub(crate) fn basic(value: &str) -> bool {
    crate::encoding::base64_text(value).is_some_and(|text| text.contains(':'))
}

/// A phrase of twelve or more words, as wallets show them: mostly different ones.
pub(crate) fn seed_phrase(value: &str) -> bool {
    let mut words: Vec<&str> = value.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let total = words.len();
    let common = [
        "the", "and", "for", "that", "with", "you", "are", "was", "not", "have", "this", "from",
        "please",
    ];
    let ordinary = words.iter().filter(|word| common.contains(word)).count();
    words.sort_unstable();
    words.dedup();
    total >= 12 && words.len() * 4 >= total * 3 && ordinary <= 1
}

/// Stands for a value instead of being one: empty, a mask, a reference, a template.
pub(crate) fn placeholder(value: &str) -> bool {
    let value = value.trim();
    let first = value.bytes().next();
    let repeated = value.len() > 1 && value.bytes().all(|byte| Some(byte) == first);
    let words = [
        "null",
        "none",
        "nil",
        "undefined",
        "true",
        "false",
        "string",
        "str",
        "text",
        "optional",
        "required",
        "n/a",
        "na",
        "unknown",
        "todo",
        "tbd",
        "empty",
        "redacted",
        "hidden",
        "yes",
        "no",
        "on",
        "off",
        "default",
        "auto",
        "env",
        "password",
        "passwd",
        "token",
        "secret",
        "apikey",
        "api_key",
        "number",
        "integer",
        "bool",
        "boolean",
        "object",
        "any",
        "str,",
        "not",
        "required.",
        "bearer",
        "self",
        "var",
        "let",
        "const",
    ];
    // What a person is asked: `Password: `.
    let prompt = value
        .strip_suffix(':')
        .is_some_and(|words| words.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b' '));
    value.len() < 2
        || prompt
        || repeated && !value.bytes().all(|byte| byte.is_ascii_digit())
        || value.len() <= 9 && words.iter().any(|word| value.eq_ignore_ascii_case(word))
        || template(value)
}

/// `${NAME}`, `{{ name }}`, `<name>`, `%s`, `$NAME`, `%(name)s`: filled in elsewhere.
fn template(value: &str) -> bool {
    let name = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.- ".contains(&byte))
    };
    let between = |open: &str, close: &str| {
        value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(name)
    };
    let shouting = |text: &str| {
        name(text)
            && text.bytes().all(|byte| !byte.is_ascii_lowercase())
            && !text.bytes().all(|byte| byte.is_ascii_digit())
    };
    between("${", "}")
        || between("{{", "}}")
        || between("${{", "}}")
        || between("<", ">")
        || between("{", "}")
        || between("%(", ")s")
        || between("$(", ")")
        || value.strip_prefix('$').is_some_and(shouting)
        || matches!(value, "%s" | "%d" | "{}" | "[]" | "()")
}

// LIMIT: no longer template is known; looking for its end must not pass the whole text.
const TEMPLATE_BYTES_MAX: usize = 128;

/// Starts with a template, such as `{{ name }}` or `${NAME}`.
pub(crate) fn template_prefix(text: &str) -> bool {
    [("{{", "}}"), ("${{", "}}"), ("${", "}"), ("$(", ")"), ("<", ">"), ("%(", ")s")].iter().any(
        |(open, close)| {
            text.starts_with(open)
                && text
                    .get(..text.floor_char_boundary(TEMPLATE_BYTES_MAX))
                    .and_then(|head| head.find(close))
                    .is_some_and(|end| text.get(..end + close.len()).is_some_and(template))
        },
    )
}

/// Refers to a value in code: `config.password`, `get_password()`, `os.environ["X"]`.
pub(crate) fn reference(value: &str) -> bool {
    let dotted = value.contains('.')
        && value.split('.').all(|part| {
            part.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
                && part.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        });
    let called = value.find(['(', '[']).is_some_and(|at| {
        at > 0
            && value
                .bytes()
                .take(at)
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.:".contains(&byte))
    });
    dotted || called || value.starts_with(['&', '*']) && value.contains("::")
}

/// Words, numbers and their separators, as in paths, identifiers, UUIDs and dates.
fn identifier(value: &str) -> bool {
    let parts: Vec<&str> =
        value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let plain = |part: &&str| {
        part.bytes().all(|byte| byte.is_ascii_digit()) && part.len() < 16 || wordlike(part)
    };
    parts.iter().all(plain) || uuid(value)
}

/// Letters as words have them: few changes of case, some vowels, no long row of consonants;
/// up to two digits may follow.
fn wordlike(part: &str) -> bool {
    let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
    let vowel = |byte: &u8| b"aeiouyAEIOUY".contains(byte);
    let rows = letters.as_bytes().chunk_by(|a, b| vowel(a) == vowel(b));
    let longest = rows.map(<[u8]>::len).max().unwrap_or(0);
    let bytes = letters.as_bytes();
    let humps = bytes
        .iter()
        .zip(bytes.iter().skip(1))
        .filter(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase())
        .count();
    letters.bytes().all(|byte| byte.is_ascii_alphabetic())
        && part.len() - letters.len() <= 2
        && (longest <= 4 || letters.len() <= 4)
        && (bytes.iter().any(vowel) || letters.len() <= 4)
        && humps * 4 <= letters.len()
}

/// The 8-4-4-4-12 form.
pub(crate) fn uuid(value: &str) -> bool {
    value.len() == 36
        && value.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Characters that generated tokens are made of.
fn token_characters(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'`<>(){},;\\".contains(&byte))
}

/// Looks generated, beside a name that says so (see `Test::Token`).
pub(crate) fn token(value: &str) -> bool {
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    let symbols = value.bytes().any(|byte| b"!@#$%^&*?~+".contains(&byte));
    value.len() >= 6
        && !placeholder(value)
        && !value.contains(' ')
        && (value.len() >= 8 && has_digit && value.bytes().any(|byte| byte.is_ascii_alphabetic())
            || symbols
            || value.len() >= 10 && value.bytes().all(|byte| byte.is_ascii_digit())
            || value.len() >= 12 && !identifier(value)
            || value.len() >= 20
                && token_characters(value)
                && !value.contains(['.', '/', ':', '_', '-', ' ']))
}

/// Looks generated and is long, beside a name that may mean anything (see `Test::Random`).
pub(crate) fn random(value: &str) -> bool {
    let hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let least = if hex { 2.8 } else { 3.3 };
    value.len() >= 16
        && token_characters(value)
        && !placeholder(value)
        && !identifier(value)
        && !value.contains("://")
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && entropy(value) >= least
}

/// Not a word that greetings and titles stand before.
pub(crate) fn person(value: &str) -> bool {
    let first = value.split([' ', '\t']).next().unwrap_or("").trim_end_matches('.');
    let ordinary = [
        "Customer",
        "Sir",
        "Madam",
        "Team",
        "All",
        "Sirs",
        "User",
        "Hiring",
        "There",
        "Everyone",
        "Friend",
        "Friends",
        "Colleague",
        "Colleagues",
        "Support",
        "Valued",
        "World",
        "The",
        "A",
        "An",
        "This",
        "That",
        "It",
        "Not",
        "No",
        "Yes",
        "In",
        "Is",
        "My",
        "Your",
        "Our",
        "Client",
        "Member",
        "Admin",
        "Required",
        "Recruiter",
        "Editor",
        "Subscriber",
        "Because",
        "Why",
        "What",
        "How",
        "When",
        "If",
    ];
    first.len() > 1
        && !ordinary.contains(&first)
        && first.bytes().skip(1).any(|byte| !byte.is_ascii_uppercase())
}

/// Starts with a given name, and a family name follows.
pub(crate) fn given_name(value: &str) -> bool {
    let mut words = value.split([' ', '\t', '-']);
    let first = words.next().unwrap_or("");
    let last = value.rsplit([' ', '\t']).next().unwrap_or("");
    let ordinary = [
        "Street",
        "Avenue",
        "Road",
        "University",
        "College",
        "Foundation",
        "Inc",
        "Corp",
        "Ltd",
        "Hospital",
        "School",
        "Airport",
        "Award",
        "Prize",
        "Day",
        "Is",
        "And",
        "The",
        "Has",
        "Will",
        "Was",
        "Said",
        "Lane",
        "Drive",
        "Island",
        "County",
        "River",
        "Park",
        "Institute",
        "Center",
        "Centre",
        "Church",
        "Bridge",
        "Square",
    ];
    crate::rules::is_given_name(first) && !ordinary.contains(&last)
}

/// Four digits at least.
pub(crate) fn four_digits(value: &str) -> bool {
    value.bytes().filter(u8::is_ascii_digit).count() >= 4
}

/// Hexadecimal and Bech32 addresses have a prefix; the old form needs letters of both cases.
pub(crate) fn crypto_address(value: &str) -> bool {
    value.starts_with("0x")
        || value.starts_with("bc1")
        || value.starts_with("ltc1")
        || mixed_case(value)
}
