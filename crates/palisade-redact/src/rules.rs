//! What is looked for: the declarative rules.
//!
//! A rule says what a value looks like, which words must stand near it, which checksum it must
//! pass, and proves itself with examples of both sides (`rules/tests.rs` runs them all). The
//! tables are split by class: `clouds`, `services` and `generic` hold secrets, `personal` holds
//! personal data, `names` the telling field names.
//!
//! Examples are written with `concat!` so that no scanner of the repository takes them for live
//! secrets.

mod clouds;
mod generic;
mod given_names;
pub(crate) mod names;
mod personal;
mod services;

pub(crate) use given_names::is_given_name;

/// What a rule finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Personal,
    Secret,
}

/// How a value is recognised.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// A pattern over texts that hold an `@`.
    At { pattern: &'static str },
    /// A pattern over codes of letters and digits; tried on texts with both, or many digits.
    Code { pattern: &'static str },
    /// A pattern over addresses of machines; tried on texts with dots or colons.
    Net { pattern: &'static str },
    /// Digits in groups. A shape names the lengths of the groups and what separates them:
    /// `3-2-4`. `~` stands for a space, a hyphen or a dot.
    ///
    /// `alone` shapes count anywhere, `beside` shapes only near one of the telling words.
    /// Shape `+` is any international number, shape `*` is any grouping of 6 to 15 digits.
    Digits { alone: &'static [&'static str], beside: &'static [&'static str] },
    /// A pattern over long runs of token characters; tried where there is such a run.
    Long { pattern: &'static str },
    /// A pattern over the text, tried when one of the keywords occurs in it. Keywords are
    /// compared as they are written, unless the pattern ignores case.
    Pattern { keywords: &'static [&'static str], pattern: &'static str },
}

/// One declarative rule. Patterns run in linear time. The first group that took part is masked;
/// without groups, the whole match.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// The stable name that stands in the mask.
    pub(crate) kind: &'static str,
    pub(crate) class: Class,
    pub(crate) form: Form,
    /// Words of which one must stand near the value (for `Digits`: only for `beside` shapes).
    pub(crate) near: &'static [&'static str],
    /// What the value must pass besides its form.
    pub(crate) check: Option<fn(&str) -> bool>,
    /// The value holds a digit; texts without are not tried.
    pub(crate) digit: bool,
    /// The value may be of any length and go over many lines: it is looked for up to the end of
    /// the text and not only around its keyword.
    pub(crate) open: bool,
    /// Texts in which the rule finds something.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the tests only"))]
    pub(crate) positive: &'static [&'static str],
    /// Texts in which it does not.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the tests only"))]
    pub(crate) negative: &'static [&'static str],
}

/// All rules. Where findings overlap, the earlier rule gives the kind.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    [clouds::CLOUDS, services::SERVICES, generic::GENERIC, personal::PERSONAL].into_iter().flatten()
}

/// A secret of a known format. Without keywords, a long run of token characters leads to it.
const fn secret(
    kind: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
    positive: &'static [&'static str],
    negative: &'static [&'static str],
) -> Rule {
    let form = if keywords.is_empty() {
        Form::Long { pattern }
    } else {
        Form::Pattern { keywords, pattern }
    };
    Rule {
        kind,
        class: Class::Secret,
        form,
        near: &[],
        check: None,
        digit: false,
        open: false,
        positive,
        negative,
    }
}

/// Personal data; the builder methods add what is particular.
const fn personal(
    kind: &'static str,
    form: Form,
    positive: &'static [&'static str],
    negative: &'static [&'static str],
) -> Rule {
    Rule {
        kind,
        class: Class::Personal,
        form,
        near: &[],
        check: None,
        digit: false,
        open: false,
        positive,
        negative,
    }
}

impl Rule {
    const fn near(mut self, words: &'static [&'static str]) -> Self {
        self.near = words;
        self
    }

    const fn digit(mut self) -> Self {
        self.digit = true;
        self
    }

    const fn open(mut self) -> Self {
        self.open = true;
        self
    }

    const fn check(mut self, check: fn(&str) -> bool) -> Self {
        self.check = Some(check);
        self
    }
}

#[cfg(test)]
mod tests;
