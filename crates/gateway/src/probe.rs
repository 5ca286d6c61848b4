//! Asking a server what it speaks, and whether it really refuses calls without our assertion.
//!
//! The probe belongs to no tenant: what it is told is nobody's data.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request as HttpRequest, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use partywall_domain::{Auth, Said, ServerName, Sharing, TenantId};
use partywall_identity::SystemAuthority;
use partywall_mcp::{METHOD, PROTOCOL_VERSION, SESSION_ID, Splitter};
use serde_json::Value;

use crate::Gateway;
use crate::assertion::{Signer, placed};
use crate::pool::{AnswerBody, Pools, Url, chain};

/// How long one question may take. Default 5 s: an operator is waiting.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer to a probe. Default 1 MiB: a description of a server, with room.
const ANSWER_BYTES_MAX: usize = 1 << 20;

const DISCOVER: &str = r#"{"jsonrpc":"2.0","id":"partywall-probe","method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"partywall-probe","version":"1"}}}}"#;
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":"partywall-probe","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"partywall-probe","version":"1"}}}"#;

/// A server to ask.
pub struct Probe<'a> {
    /// Its name: the audience of the assertion.
    pub server: &'a ServerName,
    /// Where it is.
    pub url: &'a Url,
    /// Why it may be shared: `assertion` is put to the proof.
    pub sharing: Option<Sharing>,
    /// What it asks for of a tenant. The probe has nothing of the kind, so such a server may tell it nothing.
    pub auth: &'a Auth,
}

/// Why a server cannot be used as its document says. The texts are sentences for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeError {
    /// It is not there, or is no MCP server.
    Url(String),
    /// It does not prove what `sharing` says.
    Sharing(Vec<String>),
}

impl std::fmt::Display for ProbeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(why) => f.write_str(why),
            Self::Sharing(all) => f.write_str(&all.join("; ")),
        }
    }
}

#[derive(Clone, Copy)]
enum Question {
    Discover,
    Initialize,
}

struct Answer {
    status: StatusCode,
    result: Option<String>,
    session: Option<HeaderValue>,
}

impl Gateway {
    /// What the server says of itself, and with `sharing = "assertion"` the proof that it verifies.
    pub async fn probe(&self, _: &SystemAuthority, probe: &Probe<'_>) -> Result<Said, ProbeError> {
        let said = probe.said(&self.pools, &self.signer).await.map_err(ProbeError::Url)?;
        let question = match (&said.discover, &said.initialize) {
            (Some(_), _) => Question::Discover,
            (None, Some(_)) => Question::Initialize,
            (None, None) if probe.sharing == Some(Sharing::Assertion) => return Err(unproven(probe)),
            (None, None) => return Ok(said),
        };
        if probe.sharing == Some(Sharing::Assertion) {
            self.prove(probe, question).await?;
        }
        Ok(said)
    }

    /// The question that the server answers, without an assertion and with forged ones: all must be refused.
    async fn prove(&self, probe: &Probe<'_>, question: Question) -> Result<(), ProbeError> {
        let server = probe.server.as_str();
        let mut broken = Vec::new();
        for (what, assertion) in [
            ("without an assertion", None),
            ("with an assertion that somebody else signed", forged(&self.signer, server)),
            ("with an assertion for another server", self.signer.probe(&format!("not-{server}"))),
        ] {
            let answer = ask(&self.pools, probe, question, assertion).await.map_err(ProbeError::Url)?;
            if !is_refused(answer.status) {
                broken.push(format!(
                    "server `{server}` answered a call {what} ({}): it does not verify assertions, so it must not be shared \
                     with `sharing = \"assertion\"`; verify them with the kit, or give each tenant an instance",
                    answer.status
                ));
            }
        }
        if broken.is_empty() { Ok(()) } else { Err(ProbeError::Sharing(broken)) }
    }
}

/// The same claims under a key that nobody knows.
fn forged(signer: &Signer, server: &str) -> Option<HeaderValue> {
    signer.impostor()?.probe(server)
}

impl Probe<'_> {
    /// What the server says of itself; nothing where it waits for a tenant's credential. The error is a sentence for the
    /// operator.
    pub(crate) async fn said(&self, pools: &Pools, signer: &Signer) -> Result<Said, String> {
        let genuine = signer.probe(self.server.as_str());
        let discover = ask(pools, self, Question::Discover, genuine.clone()).await?;
        let initialize = ask(pools, self, Question::Initialize, genuine).await?;
        let statuses = [discover.status, initialize.status];
        let said = Said { discover: discover.result.map(Into::into), initialize: initialize.result.map(Into::into) };
        if said == Said::default() && !self.waits_for_credential(statuses) {
            return Err(no_server(self, discover.status, initialize.status));
        }
        Ok(said)
    }

    /// Whether it is no wonder that nothing was said: it answers with a tenant's credential alone.
    fn waits_for_credential(&self, statuses: [StatusCode; 2]) -> bool {
        *self.auth != Auth::None && statuses.into_iter().all(is_refused)
    }
}

fn is_refused(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Where everything is refused for want of a credential, nothing shows that the assertion is looked at.
fn unproven(probe: &Probe<'_>) -> ProbeError {
    ProbeError::Sharing(vec![format!(
        "server `{}` answers nobody without a tenant's credential, so it cannot be shown that it verifies assertions; let it \
         answer `server/discover` or `initialize` without one, or give each tenant an instance",
        probe.server
    )])
}

fn no_server(probe: &Probe<'_>, discover: StatusCode, initialize: StatusCode) -> String {
    format!(
        "`{}` does not answer as an MCP server: {discover} to `server/discover`, {initialize} to `initialize`; check the path, and \
         that the server accepts the gateway's assertion",
        probe.url
    )
}

async fn ask(
    pools: &Pools,
    probe: &Probe<'_>,
    question: Question,
    assertion: Option<HeaderValue>,
) -> Result<Answer, String> {
    let url = probe.url;
    let taken = probe.auth.takes_authorization().then_some(&header::AUTHORIZATION);
    let assertion =
        assertion.map(|assertion| placed(assertion, taken)).transpose().map_err(|error| error.to_string())?;
    let asked = tokio::time::timeout(QUESTION_TIMEOUT, ask_once(pools, url, question, assertion)).await;
    asked.unwrap_or_else(|_| Err(format!("`{url}` did not answer within {} s", QUESTION_TIMEOUT.as_secs())))
}

async fn ask_once(
    pools: &Pools,
    url: &Url,
    question: Question,
    assertion: Option<(HeaderName, HeaderValue)>,
) -> Result<Answer, String> {
    let request = build(Method::POST, assertion.clone(), Some(question), None).map_err(|error| error.to_string())?;
    let answer = pools
        .request(TenantId::NOBODY, url, request)
        .await
        .map_err(|error| format!("`{url}` cannot be reached ({}); start the server, then try again", chain(&error)))?;
    let (parts, body) = answer.into_parts();
    let session = parts.headers.get(SESSION_ID).cloned();
    let is_stream =
        parts.headers.get(header::CONTENT_TYPE).is_some_and(|mime| mime.as_bytes().starts_with(b"text/event-stream"));
    let result = if is_stream {
        first_event(body).await
    } else {
        Limited::new(body, ANSWER_BYTES_MAX).collect().await.ok().map(|all| all.to_bytes().into())
    };
    let answer = Answer { status: parts.status, result: result.as_deref().and_then(result_of), session };
    // A session that was opened only to ask is closed again.
    if let Some(session) = &answer.session
        && let Ok(end) = build(Method::DELETE, assertion, None, Some(session))
    {
        let _ = pools.request(TenantId::NOBODY, url, end).await;
    }
    Ok(answer)
}

fn build(
    method: Method,
    assertion: Option<(HeaderName, HeaderValue)>,
    question: Option<Question>,
    session: Option<&HeaderValue>,
) -> Result<HttpRequest<Full<Bytes>>, http::Error> {
    let mut request = HttpRequest::builder()
        .method(method)
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(header::CONTENT_TYPE, "application/json");
    if let Some((name, assertion)) = assertion {
        request = request.header(name, assertion);
    }
    if let Some(session) = session {
        request = request.header(SESSION_ID, session);
    }
    let body = match question {
        Some(Question::Discover) => {
            request = request.header(PROTOCOL_VERSION, "2026-07-28").header(METHOD, "server/discover");
            DISCOVER
        }
        Some(Question::Initialize) => INITIALIZE,
        None => "",
    };
    request.body(Full::from(body))
}

/// The first message of a stream: a server may answer so and keep the stream open.
async fn first_event(mut body: AnswerBody) -> Option<Vec<u8>> {
    let mut splitter = Splitter::default();
    while let Some(Ok(frame)) = body.frame().await {
        splitter.push(frame.data_ref()?);
        while let Some(event) = splitter.next_event() {
            if let Some(data) = event.data() {
                return Some(data);
            }
        }
        if splitter.pending() > ANSWER_BYTES_MAX {
            return None;
        }
    }
    splitter.finish()?.data()
}

/// The result of an answer; an error is no result.
fn result_of(body: &[u8]) -> Option<String> {
    let message: Value = serde_json::from_slice(body).ok()?;
    message.get("result").filter(|result| result.is_object()).map(ToString::to_string)
}
