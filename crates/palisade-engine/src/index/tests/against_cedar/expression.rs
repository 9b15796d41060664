//! Generated conditions: every operator, every extension type, and now and then an operand of a
//! kind that the operator does not take.

use fastrand::Rng;
use serde_json::{Value, json};

use super::set::{Named, pick};

/// What an expression should evaluate to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Datetime,
    Decimal,
    Duration,
    Entity,
    Ip,
    Long,
    Record,
    Set,
    Text,
}

/// What entities and contexts have, and what conditions read of them.
pub(super) const ATTRIBUTES: [(&str, Kind); 10] = [
    ("flag", Kind::Bool),
    ("at", Kind::Datetime),
    ("price", Kind::Decimal),
    ("span", Kind::Duration),
    ("owner", Kind::Entity),
    ("ip", Kind::Ip),
    ("n", Kind::Long),
    ("rec", Kind::Record),
    ("set", Kind::Set),
    ("text", Kind::Text),
];

const DECIMALS: [&str; 4] = ["0.0", "1.5", "-1.5", "922337203685477.5807"];
const DATETIMES: [&str; 3] = ["2024-02-29", "1969-12-31T23:59:59.999Z", "2262-01-01T00:00:00+0130"];
const DURATIONS: [&str; 3] = ["1d2h", "-1ms", "106751991167d"];
const IPS: [&str; 4] = ["10.0.0.1", "10.0.0.0/8", "::1", "224.0.0.1"];
const LONGS: [i64; 5] = [0, 1, -7, i64::MAX, i64::MIN];
const TEXTS: [&str; 5] = ["", "a*b", "ab", "\u{e9}\u{1f600}", "2024-02-29"];

/// A value in Cedar's JSON form.
pub(super) fn value(rng: &mut Rng, kind: Kind, names: &[Named]) -> Value {
    let extension =
        |function: &str, argument: &&str| json!({ "__extn": { "fn": function, "arg": argument } });
    match kind {
        Kind::Bool => json!(rng.bool()),
        Kind::Datetime => extension("datetime", pick(rng, &DATETIMES)),
        Kind::Decimal => extension("decimal", pick(rng, &DECIMALS)),
        Kind::Duration => extension("duration", pick(rng, &DURATIONS)),
        Kind::Entity => json!({ "__entity": pick(rng, names).json() }),
        Kind::Ip => extension("ip", pick(rng, &IPS)),
        Kind::Long => json!(pick(rng, &LONGS)),
        Kind::Record => json!({ "n": pick(rng, &LONGS), "text": pick(rng, &TEXTS) }),
        Kind::Set => {
            let items: Vec<i64> = (0..rng.usize(..4)).map(|_| *pick(rng, &LONGS)).collect();
            json!(items)
        }
        Kind::Text => json!(pick(rng, &TEXTS)),
    }
}

/// Writes expressions over the entities of one set.
pub(super) struct Writer<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) objects: &'a [Named],
    pub(super) actions: &'a [Named],
    pub(super) types: &'a [&'a str],
}

impl Writer<'_> {
    /// A condition, nearly always one that can be a Bool.
    pub(super) fn condition(&mut self) -> String {
        let depth = self.rng.u8(1..5);
        self.of(Kind::Bool, depth)
    }

    /// An expression in parentheses, of a kind most of the time.
    fn of(&mut self, kind: Kind, depth: u8) -> String {
        let kind = if self.rng.u8(..40) == 0 { pick(self.rng, &ATTRIBUTES).1 } else { kind };
        if depth == 0 || self.rng.u8(..6) == 0 {
            return self.leaf(kind);
        }
        let depth = depth - 1;
        if self.rng.u8(..12) == 0 {
            let (test, one, other) =
                (self.of(Kind::Bool, depth), self.of(kind, depth), self.of(kind, depth));
            return format!("(if {test} then {one} else {other})");
        }
        match kind {
            Kind::Bool => self.bool(depth),
            Kind::Datetime | Kind::Duration => self.time(kind, depth),
            Kind::Decimal | Kind::Ip => self.constructed(kind, depth),
            Kind::Long => self.long(depth),
            Kind::Record => {
                let (n, text) = (self.of(Kind::Long, depth), self.of(Kind::Text, depth));
                format!("{{ n: {n}, \"text\": {text} }}")
            }
            Kind::Set => {
                let items: Vec<String> =
                    (0..self.rng.usize(..3)).map(|_| self.of(Kind::Long, depth)).collect();
                format!("[{}]", items.join(", "))
            }
            Kind::Entity | Kind::Text => self.leaf(kind),
        }
    }

    /// A literal, or something that is read.
    fn leaf(&mut self, kind: Kind) -> String {
        if kind == Kind::Entity && self.rng.bool() {
            return (*pick(self.rng, &["principal", "resource", "action"])).to_owned();
        }
        if self.rng.u8(..5) < 3 {
            return self.read(kind);
        }
        match kind {
            Kind::Bool => self.rng.bool().to_string(),
            Kind::Datetime => format!("datetime({:?})", pick(self.rng, &DATETIMES)),
            Kind::Decimal => format!("decimal({:?})", pick(self.rng, &DECIMALS)),
            Kind::Duration => format!("duration({:?})", pick(self.rng, &DURATIONS)),
            Kind::Entity if self.rng.u8(..4) == 0 => pick(self.rng, self.actions).text(),
            Kind::Entity => pick(self.rng, self.objects).text(),
            Kind::Ip => format!("ip({:?})", pick(self.rng, &IPS)),
            Kind::Long => format!("({})", pick(self.rng, &LONGS)),
            Kind::Record => "{ n: 1, text: \"ab\" }".to_owned(),
            Kind::Set => "[1, 0]".to_owned(),
            Kind::Text => format!("{:?}", pick(self.rng, &TEXTS)),
        }
    }

    /// An attribute or a tag, of somebody or of what somebody refers to.
    fn read(&mut self, kind: Kind) -> String {
        let whose = self.owner();
        let named = ATTRIBUTES.iter().find(|(_, of)| *of == kind);
        let (name, _) = named.unwrap_or(&ATTRIBUTES[0]);
        match self.rng.u8(..12) {
            0 => format!("{whose}.getTag(\"t\")"),
            1 if matches!(kind, Kind::Long | Kind::Text) => format!("{whose}.rec.{name}"),
            2 | 3 => format!("{whose}.owner[\"{name}\"]"),
            _ => format!("{whose}.{name}"),
        }
    }

    fn owner(&mut self) -> String {
        match self.rng.u8(..8) {
            0..3 => "principal".to_owned(),
            3..5 => "resource".to_owned(),
            5 => pick(self.rng, self.objects).text(),
            _ => "context".to_owned(),
        }
    }

    fn two(&mut self, kind: Kind, depth: u8) -> (String, String) {
        (self.of(kind, depth), self.of(kind, depth))
    }

    fn bool(&mut self, depth: u8) -> String {
        match self.rng.u8(..8) {
            0 | 1 => {
                let (one, other) = self.two(Kind::Bool, depth);
                format!("({one} {} {other})", pick(self.rng, &["&&", "||"]))
            }
            2 => format!("!({})", self.of(Kind::Bool, depth)),
            3 => {
                let (_, kind) = *pick(self.rng, &ATTRIBUTES);
                let (one, other) = self.two(kind, depth);
                format!("({one} {} {other})", pick(self.rng, &["==", "!="]))
            }
            4 => self.comparison(depth),
            5 => self.hierarchy(depth),
            6 => self.presence(),
            _ => self.membership(depth),
        }
    }

    fn comparison(&mut self, depth: u8) -> String {
        let kind = *pick(
            self.rng,
            &[Kind::Long, Kind::Datetime, Kind::Duration, Kind::Decimal, Kind::Ip, Kind::Text],
        );
        let (one, other) = self.two(kind, depth);
        match kind {
            Kind::Decimal => {
                let method = pick(self.rng, &["lessThan", "lessThanOrEqual", "greaterThan"]);
                format!("{one}.{method}({other})")
            }
            Kind::Ip => match self.rng.u8(..3) {
                0 => format!("{one}.isInRange({other})"),
                _ => {
                    format!("{one}.{}()", pick(self.rng, &["isIpv4", "isLoopback", "isMulticast"]))
                }
            },
            Kind::Text => {
                let pattern = pick(self.rng, &["*", "a\\*b", "a*", "*-02-*", "\u{e9}*"]);
                format!("({one} like \"{pattern}\")")
            }
            Kind::Bool
            | Kind::Datetime
            | Kind::Duration
            | Kind::Entity
            | Kind::Long
            | Kind::Record
            | Kind::Set => format!("({one} {} {other})", pick(self.rng, &["<", "<=", ">", ">="])),
        }
    }

    fn hierarchy(&mut self, depth: u8) -> String {
        let (one, other) = self.two(Kind::Entity, depth);
        let third = self.of(Kind::Entity, depth);
        let entity_type = pick(self.rng, self.types);
        match self.rng.u8(..5) {
            0 | 1 => format!("({one} in {other})"),
            2 => format!("({one} in [{other}, {third}])"),
            3 => format!("({one} is {entity_type})"),
            _ => format!("({one} is {entity_type} in {other})"),
        }
    }

    /// Whether something is there; half of the time it is then read.
    fn presence(&mut self) -> String {
        let whose = self.owner();
        let (name, kind) = *pick(self.rng, &ATTRIBUTES);
        let present = match self.rng.u8(..6) {
            0 => format!("{whose}.hasTag(\"t\")"),
            1 => format!("({whose} has rec.n)"),
            2 => format!("({whose} has owner.{name})"),
            3 => format!("({whose} has \"nobody's\")"),
            _ => format!("({whose} has {name})"),
        };
        if self.rng.bool() {
            let other = self.leaf(kind);
            format!("({present} && {whose}.{name} == {other})")
        } else {
            present
        }
    }

    fn membership(&mut self, depth: u8) -> String {
        let (one, other) = self.two(Kind::Set, depth);
        match self.rng.u8(..4) {
            0 => format!("{one}.contains({})", self.of(Kind::Long, depth)),
            1 => format!("{one}.containsAll({other})"),
            2 => format!("{one}.containsAny({other})"),
            _ => format!("{one}.isEmpty()"),
        }
    }

    fn long(&mut self, depth: u8) -> String {
        let (one, other) = self.two(Kind::Long, depth);
        match self.rng.u8(..6) {
            0 => format!("(-{one})"),
            1 => {
                let unit = pick(self.rng, &["toMilliseconds", "toDays"]);
                format!("{}.{unit}()", self.of(Kind::Duration, depth))
            }
            _ => format!("({one} {} {other})", pick(self.rng, &["+", "-", "*"])),
        }
    }

    fn time(&mut self, kind: Kind, depth: u8) -> String {
        let (at, span) = (self.of(Kind::Datetime, depth), self.of(Kind::Duration, depth));
        match (kind, self.rng.u8(..3)) {
            (Kind::Datetime, 0) => format!("{at}.toDate()"),
            (Kind::Datetime, 1) => format!("{at}.offset({span})"),
            (_, 0) => format!("{at}.toTime()"),
            (_, 1) => format!("{at}.durationSince({})", self.of(Kind::Datetime, depth)),
            _ => self.constructed(kind, depth),
        }
    }

    /// An extension value of a text that is only known when it is evaluated, and seldom fits.
    fn constructed(&mut self, kind: Kind, depth: u8) -> String {
        let function = match kind {
            Kind::Datetime => "datetime",
            Kind::Decimal => "decimal",
            Kind::Duration => "duration",
            Kind::Ip => "ip",
            Kind::Bool | Kind::Entity | Kind::Long | Kind::Record | Kind::Set | Kind::Text => "",
        };
        if !function.is_empty() && self.rng.u8(..4) == 0 {
            format!("{function}({})", self.of(Kind::Text, depth))
        } else {
            self.leaf(kind)
        }
    }
}
