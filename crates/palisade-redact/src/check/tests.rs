use super::*;

#[test]
fn cards_need_a_brand_and_luhn() {
    for good in [
        "4111111111111111",
        "378282246310005",
        "2223003122003222",
        "36227206271667",
        "6011 1111 1111 1117",
    ] {
        assert!(card(good), "{good}");
    }
    for bad in ["4111111111111112", "0000000000000000", "9111111111111119", "", "4"] {
        assert!(!card(bad), "{bad}");
    }
}

#[test]
fn ibans_need_their_length_and_remainder() {
    assert!(iban("NL91ABNA0417164300"));
    assert!(iban("gb82 west 1234 5698 7654 32"));
    for bad in ["NL91ABNA0417164301", "NL91ABNA041716430", "ZZ91ABNA0417164300", "N", ""] {
        assert!(!iban(bad), "{bad}");
    }
}

#[test]
fn one_wrong_digit_is_noticed() {
    type Check = fn(&str) -> bool;
    let numbers: [(&str, Check); 16] = [
        ("9434765919", nhs),
        ("86095742719", steuer_id),
        ("111222333", bsn),
        ("44051401359", pesel),
        ("8112289874", personnummer),
        ("85073003328", belgian),
        ("123456789", portuguese),
        ("52998224725", cpf),
        ("11222333000181", cnpj),
        ("234123412346", aadhaar),
        ("130692544", sin),
        ("123456782", tfn),
        ("123456789018", my_number),
        ("021000021", aba),
        ("255081416802538", nir),
        ("8001015009087", south_african),
    ];
    for (number, check) in numbers {
        assert!(check(number), "{number}");
        let (body, last) = number.split_at(number.len() - 1);
        let other = (last.parse::<u32>().unwrap() + 1) % 10;
        assert!(!check(&format!("{body}{other}")), "{number} with another check digit");
        assert!(!check(body), "{number} without its last digit");
    }
}

#[test]
fn phones_are_no_dates_and_no_decimals() {
    for good in ["+4930901820", "415 555 0123", "020 7946 0958", "1-800-555-0199"] {
        assert!(phone(good), "{good}");
    }
    for bad in ["2024-01-15", "3.14159265", "000-000-0000", "100 200 300", "115 555 0123"] {
        assert!(!phone(bad), "{bad}");
    }
}

#[test]
fn placeholders_and_references_are_no_values() {
    for placeholder_text in
        ["", "null", "${API_KEY}", "{{ password }}", "<token>", "****", "xxxxxx", "$TOKEN"]
    {
        assert!(placeholder(placeholder_text), "{placeholder_text}");
    }
    for value in ["hunter2", "$ecret9", "0000", "correct horse"] {
        assert!(!placeholder(value), "{value}");
    }
    assert!(reference("process.env.API"));
    assert!(reference("getpass()"));
    assert!(!reference("abc.1def"));
}

#[test]
fn generated_text_is_told_from_words() {
    for value in ["8f14e45fceea167a5a36dedd4bea2543", "wJalrXUtnFEMI/K7MDENG", "a1b2c3d4e5f6a7b8"] {
        assert!(random(value), "{value}");
    }
    for value in [
        "user_preferences_v2",
        "550e8400-e29b-41d4-a716-446655440000",
        "reports/2026/january.csv",
        "short1",
    ] {
        assert!(!random(value), "{value}");
    }
}
