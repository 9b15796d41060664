use crate::{Scope, named_text, text};

fn redacted(input: &str) -> String {
    text(input, Scope::SecretsAndPersonal).text.into_owned()
}

#[test]
fn a_value_ends_where_its_language_says() {
    let mark = "[redacted:password]";
    for (input, expected) in [
        ("password=hunter2 user=x", format!("password={mark} user=x")),
        ("DB_PASSWORD=\"hunter 2\" x", format!("DB_PASSWORD=\"{mark}\" x")),
        (
            "{\"dbPassword\":\"hun\\\"ter2\",\"a\":1}",
            format!("{{\"dbPassword\":\"{mark}\",\"a\":1}}"),
        ),
        ("Server=x;Password=hunter2;Port=1", format!("Server=x;Password={mark};Port=1")),
        ("?user=a&password=hunter2&x=1", format!("?user=a&password={mark}&x=1")),
        ("<password>hunter two</password>", format!("<password>{mark}</password>")),
        ("mysql --password hunter2 db", format!("mysql --password {mark} db")),
        ("the password is hunter2.", format!("the password is {mark}.")),
        ("password: hunter2\nport: 1", format!("password: {mark}\nport: 1")),
        ("password:\n  hunter2\nport: 1", format!("password:\n  {mark}\nport: 1")),
        ("setPassword(\"hunter2\")", format!("setPassword(\"{mark}\")")),
        ("mydbpassword => 'hunter2'", format!("mydbpassword => '{mark}'")),
        (
            "'name': 'DB_PASSWORD', 'value': 'hunter2'",
            format!("'name': 'DB_PASSWORD', 'value': '{mark}'"),
        ),
    ] {
        assert_eq!(redacted(input), expected);
    }
}

#[test]
fn names_about_secrets_and_references_are_left_alone() {
    for input in [
        "password_policy=strict1",
        "token_count: 4096",
        "next_page_token=",
        "primary_key: customer_id",
        "password = get_password(user)",
        "apiKey: process.env.API_KEY",
        "password: must be long enough",
        "the key is simple",
        "token: string",
        "secret: ${SECRET}",
        "tokenizer=bert-base-uncased-2024",
    ] {
        assert_eq!(redacted(input), input);
    }
}

#[test]
fn a_telling_name_has_the_whole_value_masked() {
    let all = Scope::SecretsAndPersonal;
    for (name, value, expected) in [
        ("password", "two words", "[redacted:password]"),
        ("api_key", "AbC123dEf456", "[redacted:api_key]"),
        ("firstName", "Ada", "[redacted:person_name]"),
        ("Date of birth", "1984-03-07", "[redacted:date_of_birth]"),
        ("ssn", "536228726", "[redacted:us_ssn]"),
        ("city", "Paris", "Paris"),
        ("token_type", "Bearer", "Bearer"),
        ("key", "550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000"),
    ] {
        assert_eq!(named_text(name, value, all).text, expected, "{name}");
    }
}

#[test]
fn what_follows_a_forged_mark_is_masked() {
    for (input, expected) in [
        ("password=[redacted:email]x", "password=[redacted:email][redacted:password]"),
        (
            "a password=[redacted:email][redacted:jwt]x9 b",
            "a password=[redacted:email][redacted:jwt][redacted:password] b",
        ),
        (
            r#"{"password":"[redacted:email] rest of it","a":1}"#,
            r#"{"password":"[redacted:email][redacted:password]","a":1}"#,
        ),
        ("password=[redacted:email]; a=b", "password=[redacted:email]; a=b"),
        ("mail=[redacted:email]x", "mail=[redacted:email]x"),
        ("see [redacted:email]x", "see [redacted:email]x"),
    ] {
        let once = text(input, Scope::Secrets);
        assert_eq!(once.text, expected);
        assert!(crate::is_clean(&once.text, Scope::Secrets));
    }
}
