//! Telling names: which value a field, variable, flag or heading announces.
//!
//! Names are compared as words, so that `dbPassword`, `DB_PASSWORD` and `db-password` are one.
//! What follows the telling words decides as well: a `password_policy` is no password.

use super::Class;

/// What a value must look like to be taken for what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// Anything but a placeholder or a reference to elsewhere.
    Any,
    /// At least this many digits and nothing but digits and their separators.
    Digits(usize),
    /// Some digit; short.
    Code,
    /// Letters, as in a name of a person.
    Letters,
    /// Words with at least one letter, also with digits; short.
    Words,
    /// A name of a person of two words or more, each with a capital.
    FullName,
    /// Looks generated: digits and letters mixed, or random letters.
    Token,
    /// Looks generated and is long; identifiers, UUIDs and paths do not count.
    Random,
}

/// Names that announce one kind of value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameRule {
    pub(crate) kind: &'static str,
    pub(crate) class: Class,
    /// Lower case, words joined. Found at word boundaries; names of [`LONG`] letters and more
    /// are found anywhere.
    pub(crate) names: &'static [&'static str],
    pub(crate) test: Test,
}

/// From this length on a name is found inside a word, too (`mydbpassword`).
pub(crate) const LONG: usize = 6;

const fn secret(kind: &'static str, test: Test, names: &'static [&'static str]) -> NameRule {
    NameRule { kind, class: Class::Secret, names, test }
}

const fn personal(kind: &'static str, test: Test, names: &'static [&'static str]) -> NameRule {
    NameRule { kind, class: Class::Personal, names, test }
}

/// The first rule that fits gives the kind.
#[rustfmt::skip]
pub(crate) static NAMES: &[NameRule] = &[
    secret("password", Test::Any, &[
        "password", "passwd", "passphrase", "passwort", "kennwort", "contraseña", "contrasena",
        "motdepasse", "senha", "wachtwoord", "passcode", "pwd", "pswd", "passw", "pass", "userpass",
        "psw", "pword", "dbpass", "rootpw", "parola", "haslo", "lösenord",
    ]),
    secret("pin", Test::Digits(4), &["pin", "pincode", "cardpin", "otp", "onetimecode", "mfacode", "totp", "securitycode", "verificationcode", "accesscode"]),
    secret("card_security_code", Test::Digits(3), &["cvv", "cvc", "cvv2", "cvc2", "cardverificationvalue"]),
    secret("private_key", Test::Token, &["privatekey", "privkey", "signingkey", "encryptionkey", "masterkey", "rsakey", "sshkey", "privateseed", "seedhex"]),
    secret("api_key", Test::Token, &[
        "apikey", "apitoken", "xapikey", "appkey", "applicationkey", "accesskey", "secretkey", "subscriptionkey",
        "serverkey", "accountkey", "authkey", "storagekey", "servicekey", "licensekey", "integrationkey", "apisecret", "developerkey", "consumerkey", "webhookkey", "deploykey", "userkey", "admintoken",
    ]),
    secret("client_secret", Test::Token, &["clientsecret", "appsecret", "consumersecret", "sharedsecret", "webhooksecret", "secretaccesskey", "jwtsecret", "sessionsecret", "cookiesecret", "signingsecret", "applicationsecret"]),
    secret("token", Test::Token, &[
        "accesstoken", "authtoken", "refreshtoken", "bearertoken", "idtoken", "sessiontoken", "securitytoken", "csrftoken",
        "xsrftoken", "oauthtoken", "bottoken", "personalaccesstoken", "xauthtoken", "token", "jwt", "authorization", "bearer", "xtoken",
    ]),
    secret("session_id", Test::Token, &["sessionid", "sessid", "phpsessid", "jsessionid", "aspsessionid", "aspnetsessionid", "connectsid", "sid", "sessioncookie", "sessionkey", "authcookie"]),
    secret("secret", Test::Token, &["secret", "secrets", "credential", "credentials", "creds", "cred", "webhookurl", "connectionstring", "connstr", "dsn"]),
    secret("secret", Test::Random, &["key", "auth", "private", "signature", "sig", "hmac", "salt", "seed", "accesscode", "sas", "pat"]),
    secret("vendor_key", Test::Random, &[
        "adafruit", "adobe", "airtable", "aiven", "algolia", "alibaba", "amplitude", "apollo", "artifactory", "asana", "assemblyai", "atlassian",
        "auth0", "azure", "beamer", "bitbucket", "bitly", "bittrex", "braintree", "browserstack", "circleci", "clickup", "cloudflare", "cloudinary", "codecov",
        "cohere", "coinbase", "confluent", "contentful", "coveralls", "databento", "datadog", "deepgram", "deepseek", "digitalocean", "discord", "disqus", "docusign",
        "droneci", "dropbox", "elastic", "etsy", "facebook", "fastly", "figma", "finicity", "finnhub", "flickr", "foursquare", "freshbooks", "gitea", "gitlab", "gitter", "github",
        "gocardless", "grafana", "gumroad", "heroku", "honeycomb", "hubspot", "huggingface", "infura", "intercom", "ipstack", "jenkins", "jumpcloud", "kraken", "kucoin", "launchdarkly", "linear",
        "linkedin", "linode", "looker", "mailchimp", "mailgun", "mapbox", "mattermost", "meraki", "messagebird", "mistral", "netlify", "newrelic", "ngrok",
        "notion", "npm", "nytimes", "okta", "openai", "openweather", "opsgenie", "pagerduty", "paypal", "pinecone", "plaid", "planetscale", "plivo", "postmark", "pusher", "rapidapi",
        "razorpay", "rollbar", "salesforce", "segment", "sendbird", "sendgrid", "sentry", "shodan", "shopify", "slack", "snowflake", "snyk", "sonar", "spotify", "splunk",
        "squarespace", "stripe", "sumologic", "telegram", "telnyx", "travis", "trello", "twilio", "twitch", "twitter", "typeform", "upstash", "vercel", "virustotal", "vultr", "wakatime",
        "wandb", "weatherstack", "yandex", "zendesk", "zoho", "etherscan", "alchemy", "moralis", "tatum", "mixpanel", "bugsnag", "aws", "gcp",
    ]),
    personal("us_ssn", Test::Digits(4), &["ssn", "socialsecurity", "socialsecuritynumber", "socialnum", "itin"]),
    personal("card_number", Test::Digits(12), &["creditcard", "creditcardnumber", "cardnumber", "ccnumber", "ccnum", "cardnum", "debitcard", "pan", "cardno"]),
    personal("bank_account", Test::Code, &["accountnumber", "bankaccount", "bankaccountnumber", "routingnumber", "sortcode", "iban", "acctnum", "aba", "accountno", "bsb", "kontonummer", "bban"]),
    personal("bic", Test::Words, &["swift", "swiftcode", "bic", "biccode", "swiftbic"]),
    personal("date_of_birth", Test::Code, &["dob", "dateofbirth", "birthdate", "birthday", "birthdt", "borndate", "geburtsdatum", "datenaissance", "fechanacimiento"]),
    personal("passport_number", Test::Code, &["passport", "passportnumber", "passportno", "passportnum"]),
    personal("driver_license", Test::Code, &["driverlicense", "driverslicense", "driverlicence", "driverslicence", "drivinglicense", "drivinglicence", "driverlicensenum", "dlnumber", "licensenumber"]),
    personal("license_plate", Test::Code, &["licenseplate", "licenceplate", "plateno", "platenumber", "numberplate", "vehicleregistration", "registrationplate", "vehiclevrm", "vrm"]),
    personal("vehicle_id", Test::Code, &["vin", "vehicleidentificationnumber", "vehiclevin"]),
    personal("tax_id", Test::Code, &["taxid", "taxnum", "taxnumber", "vatid", "tin", "steuerid", "steuernummer", "nif", "nie", "dni", "cpf", "cnpj", "rut", "curp", "fiscalcode", "codicefiscale", "taxidentificationnumber", "tfn"]),
    personal("national_id", Test::Code, &["nationalid", "nationalidnumber", "idcard", "idcardnum", "idcardnumber", "identitynumber", "personalid", "citizenid", "nino", "nationalinsurance", "nhsnumber", "bsn", "pesel", "personnummer", "cprnumber", "aadhaar", "aadhar", "nric", "rrn", "sin", "socialinsurancenumber", "govid", "governmentid", "socialinsurance", "medicarenumber"]),
    personal("medical_id", Test::Code, &["medicalrecordnumber", "mrn", "patientid", "healthplannumber", "healthinsurancenumber", "beneficiarynumber", "insurancenumber", "medicalrecord", "insuranceid", "policyholderid"]),
    personal("email", Test::Any, &["email", "emailaddress", "mail", "useremail", "mailaddress"]),
    personal("phone_number", Test::Digits(5), &["phone", "phonenumber", "telephone", "telephonenumber", "mobile", "mobilenumber", "cellphone", "fax", "faxnumber", "tel", "telnum", "phoneno", "msisdn", "whatsapp", "telefon", "telefono", "cell", "contactnumber", "handy"]),
    personal("person_name", Test::Letters, &[
        "firstname", "lastname", "fullname", "surname", "givenname", "familyname", "middlename", "maidenname", "mothersmaidenname", "forename", "fname", "lname", "realname", "legalname", "cardholder", "cardholdername", "accountholder", "accountholdername", "nameoncard",
        "customername", "patientname", "employeename", "contactname", "personname", "recipientname", "sendername", "ownername", "beneficiaryname", "billingname", "shippingname", "guestname", "passengername", "vorname", "nachname", "prenom", "apellido", "apellidos", "nombrecompleto", "cognome", "holdername", "studentname", "clientname",
    ]),
    personal("username", Test::Words, &["username", "userlogin", "loginname", "screenname", "useraccount", "login", "nickname", "benutzername", "userhandle"]),
    personal("street_address", Test::Words, &["streetaddress", "street", "address", "homeaddress", "mailingaddress", "billingaddress", "shippingaddress", "addressline", "addressline1", "addressline2", "address1", "address2", "postaladdress", "residentialaddress", "deliveryaddress", "addr", "secondaryaddress", "buildingnumber", "buildingnum", "strasse", "adresse", "direccion", "endereco", "indirizzo"]),
    personal("postal_code", Test::Code, &["zip", "zipcode", "postcode", "postalcode", "plz"]),
    personal("ip_address", Test::Code, &["ipaddress", "ipaddr", "clientip", "remoteaddr", "userip", "ipv4", "ipv6", "ip"]),
    personal("mac_address", Test::Code, &["macaddress", "macaddr", "mac"]),
    personal("device_id", Test::Code, &["imei", "phoneimei", "imsi", "iccid", "deviceserial", "idfa", "gaid"]),
    personal("coordinates", Test::Code, &["coordinates", "latlong", "latlng", "gpscoordinates", "nearbygpscoordinate", "geolocation"]),
    personal("crypto_address", Test::Code, &["bitcoinaddress", "ethereumaddress", "litecoinaddress", "btcaddress", "ethaddress", "walletaddress", "cryptoaddress"]),
    personal("person_name", Test::FullName, &["name", "author", "assignee", "owner", "patient", "customer", "contact", "recipient", "sender", "employee", "person", "manager", "attendee", "signatory", "guest", "displayname", "applicant", "beneficiary", "payee"]),
];

/// Behind telling words these say that the value is about them, not one of them.
#[rustfmt::skip]
pub(crate) static ABOUT: &[&str] = &[
    "policy", "count", "length", "len", "min", "max", "size", "type", "url", "uri", "path", "file", "filename", "name", "id", "ids",
    "expires", "expiry", "expiration", "expired", "at", "in", "ttl", "version", "enabled", "disabled", "required", "hint", "field", "label", "column", "status", "state",
    "reset", "rotation", "strength", "format", "pattern", "regex", "schema", "provider", "endpoint", "method", "mode", "algorithm", "alg", "age", "limit", "used", "usage", "budget",
    "prompt", "message", "error", "invalid", "manager", "store", "changed", "updated", "created", "date", "validator", "validation", "verified", "confirmed", "index", "prefix", "suffix", "scope", "scopes",
    "kind", "template", "placeholder", "title", "description", "template", "book", "bar", "range", "mask", "space", "server", "map", "set", "list", "word", "words", "ring", "board",
];

/// Before `key`, `token`, `pass`, `hash` and the like these make it harmless.
#[rustfmt::skip]
pub(crate) static HARMLESS: &[&str] = &[
    "public", "pub", "primary", "foreign", "cache", "partition", "sort", "idempotency", "routing", "object", "shortcut", "hot", "map", "row",
    "unique", "index", "translation", "feature", "metric", "next", "page", "continuation", "cursor", "max", "min", "total", "prompt", "completion", "input", "output", "group",
    "issue", "project", "lookup", "natural", "composite", "candidate", "shard", "bucket", "s3", "content", "git", "commit", "file", "sha", "integrity", "block", "tx", "transaction", "boarding", "bypass", "compass",
    "tool", "file", "host", "pod", "container", "image", "package", "repo", "repository", "table", "column", "class", "function", "method", "event", "job", "task", "server", "service", "product", "company", "bucket", "file", "queue", "topic", "channel", "memory", "contract", "bus",
];

/// What every telling name holds; the prefilter looks for these.
#[rustfmt::skip]
pub(crate) static TRIGGERS: &[&str] = &[
    "pass", "pwd", "pswd", "psw", "pword", "rootpw", "passw", "passp", "passc", "passk", "kennwort", "contrase", "motdepasse", "mot_de_passe", "senha", "wachtwoord", "parola", "haslo", "l\u{f6}sen",
    "pin", "pincode", "otp", "totp", "mfa", "code", "cvv", "cvc", "cvv2", "cvc2", "verification", "key", "token", "secret", "jwt", "authori", "bearer", "sess", "session", "phpsessid", "sid", "cookie", "cred", "credential", "webhook",
    "conn", "connection", "dsn", "auth", "private", "sig", "signature", "hmac", "salt", "seed", "sas", "pat", "connectsid",
    "ssn", "social", "itin", "card", "ccnum", "cc_num", "pan", "account", "acct", "routing", "sortcode", "sort_code", "sort code", "iban", "aba", "bsb", "konto", "bban", "swift", "bic", "dob", "birth", "born", "geburts", "naissance", "nacimiento",
    "passport", "licen", "dlnumber", "dl_number", "plate", "registration", "vrm", "vin", "vehicle", "tax", "vat", "tin", "steuer", "nif", "nie", "dni", "cpf", "cnpj", "rut", "curp", "fiscal",
    "national", "idcard", "id_card", "id card", "identity", "personalid", "personal_id", "personal id", "citizen", "nino", "nhs", "bsn", "pesel", "personnummer", "cpr", "aadhaar", "aadhar", "nric", "rrn", "sin", "gov", "government", "medic", "mrn", "patient", "health", "beneficiary", "insurance", "policyholder",
    "mail", "phone", "mobile", "fax", "tel", "telefon", "msisdn", "whatsapp", "cell", "contact", "handy", "name", "forename", "surname", "nachname", "vorname", "prenom", "apellido", "nombre", "cognome", "cardholder", "holder", "accountholder", "author", "assignee", "owner", "customer", "recipient", "sender", "employee", "person", "manager", "attendee", "signatory", "guest", "applicant", "payee",
    "login", "username", "userhandle", "street", "address", "addr", "strasse", "adresse", "direccion", "endereco", "indirizzo", "building", "zip", "postcode", "postal", "post_code", "plz", "ipaddr", "ip_addr", "clientip", "client_ip", "client ip", "userip", "user_ip", "ipv4", "ipv6", "mac", "imei", "imsi", "iccid", "device", "idfa", "gaid", "coordinate", "latlong", "latlng", "lat_lng", "geolocation", "wallet", "bitcoin", "ethereum", "litecoin", "btc", "eth", "crypto",
    "adafruit", "adobe", "airtable", "aiven", "algolia", "alibaba", "amplitude", "apollo", "artifactory", "asana", "assemblyai", "atlassian",
    "azure", "beamer", "bitbucket", "bitly", "bittrex", "braintree", "browserstack", "circleci", "clickup", "cloudflare", "cloudinary", "codecov",
    "cohere", "coinbase", "confluent", "contentful", "coveralls", "databento", "datadog", "deepgram", "deepseek", "digitalocean", "discord", "disqus", "docusign",
    "droneci", "dropbox", "elastic", "etsy", "facebook", "fastly", "figma", "finicity", "finnhub", "flickr", "foursquare", "freshbooks", "gitea", "gitlab", "gitter", "github",
    "gocardless", "grafana", "gumroad", "heroku", "honeycomb", "hubspot", "huggingface", "infura", "intercom", "ipstack", "jenkins", "jumpcloud", "kraken", "kucoin", "launchdarkly", "linear",
    "linkedin", "linode", "looker", "mailchimp", "mailgun", "mapbox", "mattermost", "meraki", "messagebird", "mistral", "netlify", "newrelic", "new_relic", "ngrok",
    "notion", "npm", "nytimes", "okta", "openai", "openweather", "opsgenie", "pagerduty", "paypal", "pinecone", "plaid", "planetscale", "plivo", "postmark", "pusher", "rapidapi",
    "razorpay", "rollbar", "salesforce", "segment", "sendbird", "sendgrid", "sentry", "shodan", "shopify", "slack", "snowflake", "snyk", "sonar", "spotify", "splunk",
    "squarespace", "stripe", "sumologic", "telegram", "telnyx", "travis", "trello", "twilio", "twitch", "twitter", "typeform", "upstash", "vercel", "virustotal", "vultr", "wakatime",
    "wandb", "weatherstack", "yandex", "zendesk", "zoho", "etherscan", "alchemy", "moralis", "tatum", "mixpanel", "bugsnag", "aws", "gcp",
];
