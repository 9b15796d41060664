use super::*;

#[test]
fn every_name_is_read_back() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        assert_eq!(algorithm.to_string(), algorithm.as_str());
    }
    assert_eq!("Ed25519".parse(), Ok(Algorithm::EdDsa));
}

#[test]
fn nothing_else_is_a_name() {
    for name in
        ["", "none", "HS256", "HS512", "es256", "ES256 ", "ES256K", "Ed448", "RSA-OAEP", "ES256\0"]
    {
        assert_eq!(name.parse::<Algorithm>(), Err(ParseAlgorithmError), "{name}");
    }
}
