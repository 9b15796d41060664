//! The real program with a trust file: callers and chains prove themselves by tokens that OpenSSL
//! has signed, and the record says so.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::{Clock as _, SystemClock};
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_client::AuthorizationServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};

use super::{QUICKSTART, Server, assert_exit, command, home, text};

const ISSUER: &str = "https://idp.example.com";

const TRUST: &str = "
format: 1
issuers:
  - issuer: https://idp.example.com
    keys: { file: keys.json }
    audiences: ['https://palisade.example.com']
callers:
  - name: gateway
    tokens: [{ issuer: 'https://idp.example.com', subject: gateway }]
    roles: [pep]
    tools: ['*']
";

/// An Ed25519 key of OpenSSL's.
struct Key<'a>(&'a Path);

impl Key<'_> {
    fn openssl(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("openssl").args(arguments).current_dir(self.0).output();
        let output = output.expect("`openssl` starts: `scripts/test` installs it");
        assert!(output.status.success(), "{}", text(&output.stderr));
        output.stdout
    }

    /// Makes the key and publishes its public half (RFC 8037, section 2).
    fn publish(&self) {
        self.openssl(&["genpkey", "-algorithm", "ed25519", "-out", "key.pem"]);
        let spki = self.openssl(&["pkey", "-in", "key.pem", "-pubout", "-outform", "DER"]);
        // RFC 8410, section 4: the last 32 bytes are the key.
        let (_, key) = spki.split_last_chunk::<32>().expect("a key");
        let jwk = format!(
            r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{}"}}]}}"#,
            URL_SAFE_NO_PAD.encode(key)
        );
        fs::write(self.0.join("keys.json"), jwk).expect("written");
    }

    /// An access token (RFC 9068) with these members beside the required ones.
    fn token(&self, subject: &str, more: &str) -> String {
        let now = SystemClock::new().now().as_millis() / 1000;
        let claims = format!(
            r#"{{"iss":"{ISSUER}","sub":"{subject}","aud":"https://palisade.example.com","client_id":"c","jti":"{subject}","iat":{now},"exp":{}{more}}}"#,
            now + 600
        );
        let header = r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k"}"#;
        let signed = [header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        fs::write(self.0.join("signed"), &signed).expect("written");
        let sign = ["pkeyutl", "-sign", "-rawin", "-inkey", "key.pem", "-in", "signed"];
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.openssl(&sign)))
    }
}

/// Outcome and reason of a call.
async fn decided(
    address: &str,
    caller: Option<&str>,
    chain: &str,
    tool: &str,
) -> Result<(v1::Outcome, String), Status> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let mut client =
        AuthorizationServiceClient::new(endpoint.connect().await.expect("a connection"));
    let link = v1::link::Link::Token(chain.to_owned());
    let mut request = Request::new(v1::AuthorizeRequest {
        chain: vec![v1::Link { link: Some(link), possession: None }],
        tool: tool.to_owned(),
        arguments: br#"{"ticket_id":"T-1"}"#.to_vec(),
        ..Default::default()
    });
    if let Some(caller) = caller {
        let header: MetadataValue<Ascii> = format!("Bearer {caller}").parse().expect("ASCII");
        request.metadata_mut().insert("authorization", header);
    }
    let answer = client.authorize(request).await?.into_inner();
    Ok((answer.outcome(), answer.reason.expect("a reason").code))
}

#[test]
fn callers_and_chains_prove_themselves_to_the_program() {
    let home = home();
    let key = Key(home.path());
    key.publish();
    fs::write(home.path().join("trust.yaml"), TRUST).expect("written");
    let serving = ["serve", "--bundle", QUICKSTART, "--listen", "127.0.0.1:0"];
    let settings = ["--set", "telemetry.format=json", "--set", "trust.file=trust.yaml"];
    let server = Server::start(command(home.path()).args([&settings[..], &serving].concat()));
    let line = server.wait_for_line("\"listening\"");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let address = line["address"].as_str().expect("an address");

    let agent = format!(r#","act":{{"iss":"{ISSUER}","sub":"helpdesk-bot"}}"#);
    let (gateway, stranger) = (key.token("gateway", ""), key.token("stranger", ""));
    let chain = key.token("alice", &agent);
    let forged = chain.replace('.', "e.");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answers = runtime.expect("a runtime").block_on(async {
        let read = "crm.read_ticket";
        [
            decided(address, Some(&gateway), &chain, read).await,
            decided(address, Some(&gateway), &chain, "crm.close_ticket").await,
            decided(address, Some(&gateway), &forged, read).await,
            decided(address, Some(&stranger), &chain, read).await,
            decided(address, None, &chain, read).await,
        ]
        .map(|answer| answer.map_err(|status| status.code()))
    });
    let deny = |reason: &str| Ok((v1::Outcome::Deny, reason.to_owned()));
    assert_eq!(
        answers,
        [
            Ok((v1::Outcome::Allow, "permitted".to_owned())),
            deny("no_permit"),
            deny("unverified_actor"),
            Err(Code::Unauthenticated),
            Err(Code::Unauthenticated),
        ]
    );

    let tail = ["log", "tail", "--json", "--decisions", "-n", "100"];
    let log = command(home.path()).args(tail).output().expect("the program starts");
    assert_exit(&log, 0);
    let log = text(&log.stdout);
    assert_eq!(log.lines().count(), 3, "{log}");
    for part in ["gateway (gateway of https://idp.example.com)", "helpdesk-bot"] {
        assert!(log.contains(part), "{part} is not in {log}");
    }
    // All but the one whose token was forged.
    assert_eq!(log.matches(r#""actors_proven":true"#).count(), 2, "{log}");
    for secret in [&gateway, &chain] {
        assert!(!log.contains(secret.as_str()), "a token is in the log");
    }
    // A broken file stops the start and is named, with the place.
    assert_eq!(server.terminate("-TERM").code(), Some(0));
    fs::write(home.path().join("trust.yaml"), TRUST.replace("roles", "rolls")).expect("written");
    let broken = command(home.path()).args([&settings[..], &serving].concat()).output();
    let broken = broken.expect("the program starts");
    assert_exit(&broken, 1);
    for part in ["trust.yaml", "rolls"] {
        assert!(text(&broken.stderr).contains(part), "{}", text(&broken.stderr));
    }
}
