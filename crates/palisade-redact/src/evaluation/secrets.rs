//! Secrets in text. Each call makes one sample of every format in some surrounding.

use fastrand::Rng;

use super::Sample;
use super::values::{ALNUM, BASE64, base64, fill, percent, pick, string};

/// Formats that speak for themselves, as their vendors show them.
const TOKENS: &[(&str, &str)] = &[
    ("aws", "AKIA%u16"),
    ("aws_temporary", "ASIA%u16"),
    ("gcp", "AIza%w35"),
    ("google_oauth", "ya29.a0%w120"),
    ("google_secret", "GOCSPX-%w28"),
    ("github", "ghp_%a36"),
    ("github_app", "ghs_%a36"),
    ("github_fine", "github_pat_%a22_%a59"),
    ("gitlab", "glpat-%w20"),
    ("gitlab_routable", "glpat-%a27.0a.0%l8"),
    ("slack_bot", "xoxb-%d12-%d13-%a24"),
    ("slack_user", "xoxp-%d12-%d12-%d12-%h32"),
    ("slack_hook", "https://hooks.slack.com/services/T0%u8/B0%u8/%a24"),
    ("stripe", "sk_live_%a24"),
    ("stripe_long", "rk_live_51%a97"),
    ("square", "sq0csp-%w43"),
    ("twilio", "SK%h32"),
    ("sendgrid", "SG.%a22.%a43"),
    ("mailgun", "key-%h32"),
    ("mailchimp", "%h32-us12"),
    ("openai", "sk-%a20T3BlbkFJ%a20"),
    ("openai_project", "sk-proj-%a74T3BlbkFJ%a74"),
    ("anthropic", "sk-ant-api03-%w93AA"),
    ("huggingface", "hf_%a34"),
    ("replicate", "r8_%a37"),
    ("npm", "npm_%a36"),
    ("pypi", "pypi-AgEIcHlwaS5vcmc%w120"),
    ("rubygems", "rubygems_%h48"),
    ("docker", "dckr_pat_%a27"),
    ("digitalocean", "dop_v1_%h64"),
    ("databricks", "dapi%h32"),
    ("shopify", "shpat_%h32"),
    ("atlassian", "ATATT3xFfGF0%a170=%u8"),
    ("linear", "lin_api_%a40"),
    ("notion", "ntn_%d11%a35"),
    ("figma", "figd_%a40"),
    ("postman", "PMAK-%h24-%h34"),
    ("newrelic", "NRAK-%u27"),
    ("grafana", "glsa_%a32_%h8"),
    ("sentry", "sntryu_%h64"),
    ("vault", "hvs.%a90"),
    ("terraform", "%a14.atlasv1.%a64"),
    ("doppler", "dp.pt.%a43"),
    ("pulumi", "pul-%h40"),
    ("planetscale", "pscale_tkn_%a43"),
    ("supabase", "sbp_%h40"),
    ("telegram", "%d10:AA%w33"),
    ("discord", "MTA%a21.G%a5.%a38"),
    ("discord_hook", "https://discord.com/api/webhooks/%d18/%w68"),
    ("facebook", "EAACEdEose0cBA%a120"),
    ("dropbox", "sl.B%a134"),
    ("age", "AGE-SECRET-KEY-1QQPQYQQZ8RTDV6S5JNHKGWXMUAEL%u0QPZRY9X8GF2TVDW0S3JN54"),
    ("jwt", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOi%a40.%w43"),
    ("azure_ad", "%a3 8Q~%a34"),
    ("wif", "5K%549"),
];

/// Formats that only a name tells.
const NAMED: &[(&str, &str, &str)] = &[
    ("aws_secret", "aws_secret_access_key", "%b40"),
    ("azure_storage", "AccountKey", "%b86=="),
    ("datadog", "DD_API_KEY", "%h32"),
    ("heroku", "HEROKU_API_KEY", "%h8-%h4-%h4-%h4-%h12"),
    ("fastly", "fastly_api_token", "%w32"),
    ("cloudflare", "CLOUDFLARE_API_TOKEN", "%a40"),
    ("okta", "okta_api_token", "00%a40"),
    ("auth0", "auth0_client_secret", "%a64"),
    ("twitter", "TWITTER_CONSUMER_SECRET", "%a50"),
    ("generic_key", "apiKey", "%h32"),
    ("generic_secret", "client_secret", "%a32"),
    ("generic_token", "accessToken", "%a40"),
    ("private", "private_key_hex", "%h64"),
    ("session", "session_token", "%a32"),
    ("encryption", "ENCRYPTION_KEY", "%b43="),
    ("signing", "jwtSigningSecret", "%a24"),
    ("webhook", "webhook-secret", "%h40"),
    ("password", "password", "Tr0ub4dor&%a4"),
    ("password_plain", "db_password", "%l10"),
    ("passwd", "PGPASSWORD", "s3cr%a6"),
    ("pwd", "rootPwd", "%a12"),
    ("passphrase", "ssh-passphrase", "x%a14!"),
    ("vendor", "algolia_admin", "%h32"),
    ("camel", "stripeSecretKey", "%a28"),
];

fn around_token(rng: &mut Rng, token: &str) -> String {
    let id = rng.u32(..);
    match rng.u8(..16) {
        0 => token.to_owned(),
        1 => format!("please use {token} for the deployment"),
        2 => format!("export SERVICE_CREDENTIAL={token}"),
        3 => format!(r#"{{"id":{id},"note":"{token}","ok":true}}"#),
        4 => format!("2026-04-01T10:00:00Z ERROR request {id} failed with {token}: denied"),
        5 => format!("let client = Client::new(\"{token}\");"),
        6 => format!("curl https://api.example.com/v1/x?credential={}", percent(token)),
        7 => format!("- name: deploy\n  run: ./deploy.sh '{token}'\n"),
        8 => format!("Authorization: Bearer {token}"),
        9 => format!(r#"{{\"arguments\":{{\"content\":\"{token}\"}}}}"#),
        10 => format!("({token})"),
        11 => format!("<value>{token}</value>"),
        12 => format!("see `{token}`, it works."),
        13 => base64(&format!(r#"{{"user":"ci","value":"{token}"}}"#)),
        14 => format!("# {token}\nprint(1)\n"),
        _ => format!("x=1&y={token}&z=3"),
    }
}

fn around_named(rng: &mut Rng, name: &str, value: &str) -> String {
    match rng.u8(..16) {
        0 => format!("{name}={value}\n"),
        1 => format!("{name}: {value}\nreplicas: 3\n"),
        2 => format!(r#"{{"region":"eu","{name}":"{value}","port":5432}}"#),
        3 => format!("const {name} = '{value}';"),
        4 => format!("config[\"{name}\"] = \"{value}\""),
        5 => format!("--{name} {value}"),
        6 => format!("--{name}={value} --verbose"),
        7 => format!("<{name}>{value}</{name}>"),
        8 => format!("{name} := `{value}`"),
        9 => format!("the {name} is {value}"),
        10 => format!(r#"{{\"{name}\":\"{value}\"}}"#),
        11 => format!("{name} => \"{value}\","),
        12 => format!("Host=db;Port=1;{name}={value};Timeout=3"),
        13 => format!(r#"[{{"name":"{name}","value":"{value}"}}]"#),
        14 => format!("INFO started with {name}={value}, retries=3"),
        _ => base64(&format!(r#"{{"{name}": "{value}"}}"#)),
    }
}

fn others(rng: &mut Rng) -> Vec<Sample> {
    let password = format!("p{}", string(rng, ALNUM, 11));
    let body = (0..6).map(|_| string(rng, BASE64, 64)).collect::<Vec<_>>();
    let line = body[2].clone();
    let kind = pick(rng, &["RSA ", "", "EC ", "OPENSSH ", "ENCRYPTED "]);
    let [open, close] = ["BEGIN", "END"].map(|edge| format!("-----{edge} {kind}PRIVATE KEY-----"));
    let uris = [
        "postgresql://app:{}@db:5432/x?sslmode=require",
        "mongodb+srv://u:{}@c0.abc.mongodb.net/",
        "amqps://guest:{}@mq/%2f",
        "https://deploy:{}@git.example.com/a.git",
        "redis://default:{}@10.0.0.1:6379",
        "jdbc:mysql://h/db?user=root&password={}",
        "Server=tcp:x,1433;User ID=sa;Password={};Encrypt=True",
        "ftp://a:{}@files.example.com",
    ];
    let commands = [
        "mysql -h db -u root -p{} app",
        "curl -u admin:{} https://x.example",
        "sshpass -p {} ssh root@h",
        "machine x login y password {}",
        "PGPASSWORD={} psql -h db",
        "docker login -u x --password {}",
        "password is {}",
        "Password: {}",
        "my password is {} ok?",
    ];
    let uri = pick(rng, &uris).replace("{}", &password);
    let command = pick(rng, &commands).replace("{}", &password);
    let sample = |kind, value: &str, text| Sample { kind, value: value.to_owned(), text };
    let pem = body.join("\n");
    let basic = base64(&format!("user:{password}"));
    let cookie = string(rng, ALNUM, 26);
    vec![
        sample("pem", &line, format!("key:\n{open}\n{pem}\n{close}\n")),
        sample(
            "pem_escaped",
            &line,
            format!(r#"{{"private_key":"{open}\n{}\n{close}\n"}}"#, body.join("\\n")),
        ),
        sample("pem_truncated", &line, format!("{open}\n{pem}")),
        sample("uri", &password, uri),
        sample("command", &password, command),
        sample("basic", &basic, format!("Authorization: Basic {basic}")),
        sample("cookie", &cookie, format!("Cookie: theme=dark; PHPSESSID={cookie}; lang=en")),
    ]
}

pub(super) fn samples(rng: &mut Rng) -> Vec<Sample> {
    let mut samples = others(rng);
    for (kind, template) in TOKENS {
        let value = fill(rng, template).replace(' ', "");
        let text = around_token(rng, &value);
        samples.push(Sample { kind, value, text });
    }
    for (kind, name, template) in NAMED {
        let value = fill(rng, template);
        let text = around_named(rng, name, &value);
        samples.push(Sample { kind, value, text });
    }
    samples
}
