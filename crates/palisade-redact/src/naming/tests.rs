use super::*;

#[test]
fn the_index_agrees_with_all_rules() {
    let names = [
        "password",
        "dbPassword",
        "DB_PASSWORD_HASH",
        "x-api-key",
        "mydbpassword",
        "userpass",
        "bypass",
        "compass",
        "apikeys",
        "passwd2",
        "date of birth",
        "id card no",
        "token_count",
        "contraseña",
        "LÖSENORD",
        "pages",
        "first name",
        "AWS",
        "session_id",
        "",
        "credit card number",
        "sslkey",
        "keys",
        "ipAddress",
        "stripeSecretKey",
        "passwordpassword",
        "tax-id",
        "pw",
        "userPw",
        "dl",
        "DL_number",
    ];
    for name in names {
        let words = words(name);
        let all = NAMES
            .iter()
            .filter(|rule| rule.names.iter().any(|telling| tells(&words, telling, rule)))
            .map(|rule| rule.names);
        assert!(rules_of(name).map(|rule| rule.names).eq(all), "{name}");
    }
}
