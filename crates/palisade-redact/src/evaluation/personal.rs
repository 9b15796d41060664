//! Personal data in text. Each call makes one sample of every kind in some surrounding.
#![expect(clippy::string_slice, reason = "digits that are made here")]

use fastrand::Rng;

use super::Sample;
use super::values::{DIGITS, base64, fill, luhn_digit, percent, pick, string};

const FIRST: &[&str] = &[
    "Oliver", "Sophie", "Priya", "Mateo", "Hannah", "Kwame", "Yuki", "Ingrid", "Omar", "Chloe",
    "Dmitri", "Fatima", "Lars", "Amelia", "Thandiwe", "Jack",
];
const LAST: &[&str] = &[
    "Smith",
    "Müller",
    "Okafor",
    "Tanaka",
    "García",
    "Kowalski",
    "O'Brien",
    "Nguyen",
    "Rossi",
    "van Dijk",
    "Johansson",
    "Dubois",
    "Haddad",
    "Silva",
];
const STREETS: &[&str] = &[
    "Oak Street",
    "Maple Avenue",
    "Washington Blvd",
    "Elm Rd",
    "King's Road",
    "Lakeview Drive",
    "5th Avenue",
    "Church Lane",
    "Sunset Court",
    "W Main St",
];

fn number(rng: &mut Rng, length: usize) -> String {
    let head = char::from(b'1' + rng.u8(..9));
    format!("{head}{}", string(rng, DIGITS, length - 1))
}

fn date_digits(rng: &mut Rng) -> (u32, u32, u32) {
    (rng.u32(..100), rng.u32(1..13), rng.u32(1..29))
}

fn weighted(digits: &str, weights: &[u32]) -> u32 {
    digits.chars().zip(weights).map(|(digit, weight)| digit.to_digit(10).unwrap() * weight).sum()
}

fn modulo(digits: &str, modulus: u32) -> u32 {
    digits.chars().fold(0, |rest, digit| (rest * 10 + digit.to_digit(10).unwrap()) % modulus)
}

fn card(rng: &mut Rng) -> String {
    let (prefix, length) =
        [("4", 16), ("51", 16), ("2223", 16), ("34", 15), ("6011", 16), ("3530", 16), ("36", 14)]
            [rng.usize(..7)];
    let body = format!("{prefix}{}", string(rng, DIGITS, length - 1 - prefix.len()));
    let digits = format!("{body}{}", luhn_digit(&body));
    let separator = pick(rng, &["", " ", "-"]);
    let groups: &[usize] = match length {
        16 => &[4, 4, 4, 4],
        15 => &[4, 6, 5],
        _ => &[4, 6, 4],
    };
    let mut rest = digits.as_str();
    let parts: Vec<&str> = groups
        .iter()
        .map(|size| {
            let (part, tail) = rest.split_at(*size);
            rest = tail;
            part
        })
        .collect();
    parts.join(separator)
}

fn iban(rng: &mut Rng) -> String {
    let (country, code, template) = [
        ("DE", "1314", "%d18"),
        ("FR", "1527", "%d23"),
        ("NL", "2321", "ABNA%d10"),
        ("GB", "1611", "NWBK%d14"),
        ("ES", "1428", "%d20"),
        ("CH", "1217", "%d17"),
    ][rng.usize(..6)];
    let body = fill(rng, template);
    let spelled: String =
        body.chars().map(|c| c.to_digit(36).unwrap().to_string()).collect::<String>();
    let check = 98 - modulo(&format!("{spelled}{code}00"), 97);
    let compact = format!("{country}{check:02}{body}");
    if rng.bool() {
        return compact;
    }
    let groups: Vec<&str> =
        compact.as_bytes().chunks(4).map(|part| std::str::from_utf8(part).unwrap()).collect();
    groups.join(" ")
}

fn phone(rng: &mut Rng) -> String {
    let template = pick(
        rng,
        &[
            "+1-4%d2-5%d2-%d4",
            "(6%d2) 2%d2-%d4",
            "7%d2-3%d2-%d4",
            "8%d2.4%d2.%d4",
            "+44 20 7%d3 %d4",
            "+49 171 %d7",
            "+33 6 %d2 %d2 %d2 %d2",
            "020 7%d3 %d4",
            "07%d3 %d6",
            "06 %d2 %d2 %d2 %d2",
            "+91 98%d3 %d5",
            "+81-3-%d4-%d4",
            "1-800-5%d2-%d4",
            "+5511 9%d4-%d4",
            "0171/%d7",
            "+61 4%d2 %d3 %d3",
        ],
    );
    fill(rng, template)
}

fn cpf(rng: &mut Rng) -> String {
    let body = number(rng, 9);
    let digit = |digits: &str, weights: &[u32]| {
        let rest = weighted(digits, weights) * 10 % 11;
        format!("{digits}{}", rest % 10)
    };
    let ten = digit(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let all = digit(&ten, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    format!("{}.{}.{}-{}", &all[..3], &all[3..6], &all[6..9], &all[9..])
}

fn nhs(rng: &mut Rng) -> String {
    loop {
        let body = number(rng, 9);
        let check = 11 - weighted(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        if check != 10 {
            return format!("{} {} {}{}", &body[..3], &body[3..6], &body[6..], check % 11);
        }
    }
}

fn ssn(rng: &mut Rng) -> String {
    format!("{:03}-{:02}-{:04}", rng.u32(100..600), rng.u32(1..99), rng.u32(1..9999))
}

fn national(rng: &mut Rng) -> Vec<(&'static str, String)> {
    let (year, month, day) = date_digits(rng);
    let pesel = format!("{year:02}{month:02}{day:02}{}", string(rng, DIGITS, 4));
    let pesel_check = (10 - weighted(&pesel, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10;
    let swedish = format!("{year:02}{month:02}{day:02}{}", string(rng, DIGITS, 3));
    let dni = number(rng, 8);
    let letter = char::from(b"TRWAGMYFPDXBNJZSQVHLCKE"[modulo(&dni, 23) as usize]);
    let belgian = format!("{year:02}{month:02}{day:02}{}", string(rng, DIGITS, 3));
    let belgian_check = 97 - modulo(&belgian, 97);
    let african = format!("{year:02}{month:02}{day:02}{}08", string(rng, DIGITS, 4));
    let french = format!("2{year:02}{month:02}75{}", string(rng, DIGITS, 6));
    let french_check = 97 - modulo(&french, 97);
    let finnish = format!("{day:02}{month:02}{year:02}");
    let serial = string(rng, DIGITS, 3);
    let sign = char::from(
        b"0123456789ABCDEFHJKLMNPRSTUVWXY"[modulo(&format!("{finnish}{serial}"), 31) as usize],
    );
    let chinese = format!("110105{:04}{month:02}{day:02}{}", 1900 + year, string(rng, DIGITS, 3));
    let chinese_check = (12
        - chinese
            .chars()
            .rev()
            .enumerate()
            .map(|(index, digit)| digit.to_digit(10).unwrap() * ((1_u32 << (index + 1)) % 11))
            .sum::<u32>()
            % 11)
        % 11;
    let chinese_sign = if chinese_check == 10 { "X".to_owned() } else { chinese_check.to_string() };
    let sin = number(rng, 8).replace(['8'], "1");
    let sin = format!("{sin}{}", luhn_digit(&sin));
    let nino = format!("AB{}C", string(rng, DIGITS, 6));
    vec![
        ("nhs", nhs(rng)),
        ("pesel", format!("{pesel}{pesel_check}")),
        ("personnummer", format!("{}-{}{}", &swedish[..6], &swedish[6..], luhn_digit(&swedish))),
        ("dni", format!("{dni}{letter}")),
        (
            "belgian",
            format!(
                "{}.{}.{}-{}.{belgian_check:02}",
                &belgian[..2],
                &belgian[2..4],
                &belgian[4..6],
                &belgian[6..]
            ),
        ),
        ("south_african", format!("{african}{}", luhn_digit(&african))),
        ("nir", format!("{french}{french_check:02}")),
        ("finnish", format!("{finnish}-{serial}{sign}")),
        ("chinese", format!("{chinese}{chinese_sign}")),
        ("sin", format!("{}-{}-{}", &sin[..3], &sin[3..6], &sin[6..])),
        ("nino", nino),
        ("cpr", format!("{day:02}{month:02}{year:02}-{}", string(rng, DIGITS, 4))),
        ("korean", format!("{year:02}{month:02}{day:02}-1{}", string(rng, DIGITS, 6))),
        ("cpf", cpf(rng)),
        ("ssn", ssn(rng)),
        ("indian_pan", fill(rng, "ABCPK%d4Q")),
    ]
}

/// Kinds whose form is enough.
fn distinct(rng: &mut Rng) -> Vec<(&'static str, String)> {
    let (first, last) = (pick(rng, FIRST), pick(rng, LAST));
    let plain = last.replace(|c: char| !c.is_ascii_alphabetic(), "");
    let mut samples = vec![
        (
            "email",
            format!(
                "{}.{}{}@{}",
                first.to_lowercase(),
                plain.to_lowercase(),
                rng.u8(..99),
                pick(rng, &["example.com", "mail.example.co.uk", "firma.de", "uni.example.edu"])
            ),
        ),
        ("card", card(rng)),
        ("iban", iban(rng)),
        ("phone", phone(rng)),
        ("ipv4", format!("{}.{}.{}.{}", rng.u8(11..223), rng.u8(..), rng.u8(..), rng.u8(1..))),
        ("ipv6", fill(rng, "2001:db8:%h4:%h4::%h4:%h4")),
        ("mac", fill(rng, "0a:%h2:%h2:%h2:%h2:%h2")),
        ("address", format!("{} {}", rng.u32(1..9999), pick(rng, STREETS))),
        ("ethereum", fill(rng, "0x%h40")),
        ("bitcoin", fill(rng, "bc1q%d4ac%d4xyz%d4wsp%d4jn54khce")),
    ];
    samples.extend(national(rng));
    samples
}

/// Kinds that need a word or a field name.
fn named(rng: &mut Rng) -> Vec<(&'static str, &'static str, String)> {
    let (first, last) = (pick(rng, FIRST).to_owned(), pick(rng, LAST).to_owned());
    let (year, month, day) = date_digits(rng);
    let born = [
        format!("19{year:02}-{month:02}-{day:02}"),
        format!("{day:02}/{month:02}/19{year:02}"),
        format!("{day:02}.{month:02}.19{year:02}"),
    ];
    vec![
        (
            "first_name",
            pick(rng, &["first_name", "firstName", "given_name", "First Name"]),
            first.clone(),
        ),
        ("last_name", pick(rng, &["last_name", "lastName", "surname"]), last.clone()),
        (
            "full_name",
            pick(rng, &["full_name", "customer_name", "cardholderName", "patientName"]),
            format!("{first} {last}"),
        ),
        (
            "date_of_birth",
            pick(rng, &["dob", "date_of_birth", "birthDate", "Date of birth"]),
            born[rng.usize(..3)].clone(),
        ),
        (
            "ssn_bare",
            pick(rng, &["ssn", "SSN", "social_security_number"]),
            ssn(rng).replace('-', ""),
        ),
        ("phone_bare", pick(rng, &["phone", "mobile", "phoneNumber", "tel"]), number(rng, 10)),
        ("passport", pick(rng, &["passport", "passport_number", "Passport No"]), fill(rng, "X%d8")),
        (
            "driver",
            pick(rng, &["driver_license", "driversLicenseNumber", "Driver License"]),
            fill(rng, "D%d7"),
        ),
        (
            "account",
            pick(rng, &["account_number", "bankAccount", "Account number"]),
            string(rng, DIGITS, 10),
        ),
        (
            "username",
            pick(rng, &["username", "user_name", "login"]),
            format!("{}{}", first.to_lowercase(), rng.u8(..99)),
        ),
        (
            "street",
            pick(rng, &["street_address", "address", "billingAddress"]),
            format!("{} {}", rng.u32(1..9999), pick(rng, STREETS)),
        ),
        ("zip", pick(rng, &["zip", "postal_code", "zipCode"]), string(rng, DIGITS, 5)),
        ("vin", pick(rng, &["vin", "vehicle_identification_number"]), fill(rng, "1HGCM%d4%d3A%d4")),
        ("national", pick(rng, &["national_id", "id_card_number", "tax_id"]), number(rng, 10)),
        ("medical", pick(rng, &["mrn", "medical_record_number", "patient_id"]), number(rng, 8)),
        ("cvv", pick(rng, &["cvv", "cvc"]), string(rng, DIGITS, 3)),
    ]
}

fn around(rng: &mut Rng, value: &str) -> String {
    let id = rng.u32(1000..9999);
    match rng.u8(..12) {
        0 => value.to_owned(),
        1 => format!("Please send the form to {value} before Friday."),
        2 => format!(r#"{{"id":{id},"note":"{value}","ok":true}}"#),
        3 => format!("user {value} logged in"),
        4 => format!("Contact: {value}\nThanks"),
        5 => format!("INSERT INTO t VALUES ({id}, '{value}', NULL)"),
        6 => format!("{id},{value},active"),
        7 => format!("({value})"),
        8 => format!("https://example.com/find?q={}&page=2", percent(value)),
        9 => base64(&format!("the value is {value}; keep it")),
        10 => format!(r#"{{\"note\":\"{value}\"}}"#),
        _ => format!("<td>{value}</td>"),
    }
}

fn around_named(rng: &mut Rng, name: &str, value: &str) -> String {
    let id = rng.u32(1000..9999);
    match rng.u8(..9) {
        0 => format!(r#"{{"id":{id},"{name}":"{value}","ok":true}}"#),
        1 => format!("{name}: {value}\nid: {id}"),
        2 => format!("{name}={value}"),
        3 => format!("{name} = '{value}'"),
        4 => format!(r#"{{\"{name}\":\"{value}\"}}"#),
        5 => format!("<{name}>{value}</{name}>"),
        6 => format!("{name}: {value}, id: {id}"),
        7 => format!("row {id} | {name}: {value} | done"),
        _ => base64(&format!(r#"{{"{name}": "{value}"}}"#)),
    }
}

pub(super) fn samples(rng: &mut Rng) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (kind, value) in distinct(rng) {
        let text = around(rng, &value);
        samples.push(Sample { kind, value, text });
    }
    for (kind, name, value) in named(rng) {
        let text = around_named(rng, name, &value);
        samples.push(Sample { kind, value, text });
    }
    samples
}
