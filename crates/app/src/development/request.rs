//! An authorization request (RFC 6749, section 4.1.1), held against every rule before a person sees anything of it.

use super::fields::Fields;
use super::redirect;
use super::register::Client;

/// Length of an S256 challenge: 32 bytes in base64url (RFC 7636, section 4.2).
const CHALLENGE_CHARS: usize = 43;

/// What a client asked for, in order.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) client: String,
    pub(super) client_name: String,
    pub(super) redirect: String,
    pub(super) state: Option<String>,
    pub(super) challenge: String,
    pub(super) resource: String,
    /// The scopes asked for that mean something here.
    pub(super) scopes: Vec<String>,
}

/// Why a person is not asked.
#[derive(Debug)]
pub(super) enum Wrong {
    /// Who asks is not known, or whom to answer: nobody is sent anywhere, the person is told.
    ForPerson(String),
    /// The client is told, at its callback: a code of RFC 6749, section 4.1.2.1, and why.
    ForClient(&'static str, &'static str),
}

impl Asked {
    /// Whom to answer: a registered client, and a callback that is its own.
    pub(super) fn addressee(fields: &Fields, client: Option<Client>) -> Result<Self, Wrong> {
        let person = |why: &str| Wrong::ForPerson(why.to_owned());
        let client = client.ok_or_else(|| {
            person(
                "This client is not registered here. The demo forgets its clients when it stops: remove the sign-in \
                 that your client has stored for this server, then connect again.",
            )
        })?;
        let asked = fields.get("redirect_uri").unwrap_or_default();
        if !client.redirects.iter().any(|registered| redirect::is_registered(asked, registered)) {
            return Err(person("The client asks to be called back where it did not register."));
        }
        Ok(Self {
            client: fields.get("client_id").unwrap_or_default().to_owned(),
            client_name: client.name,
            redirect: asked.to_owned(),
            state: fields.get("state").map(str::to_owned),
            challenge: String::new(),
            resource: String::new(),
            scopes: Vec::new(),
        })
    }

    /// What is asked for; `is_ours` knows our resources, `is_known` the scopes that mean something.
    pub(super) fn read(
        &mut self,
        fields: &Fields,
        is_ours: impl Fn(&str) -> bool,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<(), Wrong> {
        if fields.get("response_type") != Some("code") {
            return Err(Wrong::ForClient("unsupported_response_type", "`response_type` must be `code`"));
        }
        let challenge = fields.get("code_challenge").unwrap_or_default();
        let is_base64url = challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if fields.get("code_challenge_method") != Some("S256") || challenge.len() != CHALLENGE_CHARS || !is_base64url {
            return Err(Wrong::ForClient("invalid_request", "a `code_challenge` with method S256 is needed"));
        }
        let resource = fields.get("resource").filter(|resource| is_ours(resource));
        let resource =
            resource.ok_or(Wrong::ForClient("invalid_target", "`resource` must be a URL of this gateway"))?;
        let scopes = fields.all("scope").flat_map(|scope| scope.split(' '));
        self.scopes = scopes.filter(|scope| is_known(scope)).map(str::to_owned).collect();
        self.scopes.sort_unstable();
        self.scopes.dedup();
        challenge.clone_into(&mut self.challenge);
        resource.clone_into(&mut self.resource);
        Ok(())
    }

    /// The callback with an answer; it says whose answer it is (RFC 9207).
    pub(super) fn answer(&self, issuer: &str, parameters: &[(&str, &str)]) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all: Vec<_> = parameters.iter().copied().chain(state).chain([("iss", issuer)]).collect();
        redirect::with(&self.redirect, &all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 8] = [
        ("client_id", "client"),
        ("redirect_uri", "http://localhost:1/callback"),
        ("response_type", "code"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
        ("resource", "ours"),
        ("scope", "b a unknown a"),
        ("state", "s&t"),
    ];

    /// The request with one parameter set to something else, or left out where it is set to nothing.
    fn read(name: &str, value: &str) -> Result<Asked, Wrong> {
        let other = GOOD.map(|(known, good)| (known, if known == name { value } else { good }));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(other).finish();
        let client = Client { name: "Client".to_owned(), redirects: vec!["http://localhost/callback".to_owned()] };
        let fields = Fields::read(query.as_bytes()).unwrap();
        let known = fields.get("client_id").map(|_| client);
        let mut asked = Asked::addressee(&fields, known)?;
        asked.read(&fields, |resource| resource == "ours", |scope| ["a", "b"].contains(&scope))?;
        Ok(asked)
    }

    #[test]
    fn a_good_request_is_kept_and_answered() {
        let asked = read("", "").unwrap();
        assert_eq!((asked.resource.as_str(), asked.scopes.join(" ")), ("ours", "a b".to_owned()));
        let told = asked.answer("http://localhost:2", &[("code", "c")]);
        assert_eq!(told, "http://localhost:1/callback?code=c&state=s%26t&iss=http%3A%2F%2Flocalhost%3A2");
    }

    #[test]
    fn each_rule_holds() {
        for (name, value) in [
            ("client_id", ""),
            ("redirect_uri", ""),
            ("redirect_uri", "https://evil.example/callback"),
            ("redirect_uri", "http://localhost:1/other"),
        ] {
            assert!(matches!(read(name, value), Err(Wrong::ForPerson(_))), "{name}={value}");
        }
        for (name, value, code) in [
            ("response_type", "token", "unsupported_response_type"),
            ("response_type", "", "unsupported_response_type"),
            ("code_challenge", "", "invalid_request"),
            ("code_challenge", "short", "invalid_request"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("code_challenge_method", "", "invalid_request"),
            ("resource", "theirs", "invalid_target"),
            ("resource", "", "invalid_target"),
        ] {
            let told = read(name, value).err();
            assert!(matches!(told, Some(Wrong::ForClient(told, _)) if told == code), "{name}={value}");
        }
    }
}
