//! The admin API from the command line's end: typed calls, and errors that say what to do.
//!
//! It follows no redirect and keeps no connection: the operator's token goes to the one address it was given for.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use partywall_control::wire::{Applied, Apply, Refused, Tenant, Tenants};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long the connection may take. Default 5 s: the admin listener is near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of an answer. Default 64 MiB: the list of 100,000 tenants, twice.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The admin API at one address, with one operator's token.
pub(crate) struct AdminClient {
    base: String,
    authorization: HeaderValue,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl AdminClient {
    /// A client for the admin listener at `url`.
    pub(crate) fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/').to_owned();
        let uri: Uri =
            base.parse().with_context(|| format!("`{url}` is not a URL; write for example http://127.0.0.1:7401"))?;
        if uri.scheme_str() != Some("http") || uri.path() != "/" || uri.query().is_some() {
            bail!("`{url}` is not the URL of an admin listener; write for example http://127.0.0.1:7401");
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
            anyhow!("the operator's token has characters that no token has; give the file as it was written")
        })?;
        authorization.set_sensitive(true);
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Ok(Self { base, authorization, http: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Applies documents. Mistakes in them are an answer, not an error.
    pub(crate) async fn apply(&self, apply: &Apply) -> anyhow::Result<Result<Applied, Refused>> {
        self.change("/api/v1/apply", apply).await
    }

    /// Changes the configuration. Mistakes in it are an answer, not an error.
    pub(crate) async fn change(&self, path: &str, asked: &impl Serialize) -> anyhow::Result<Result<Applied, Refused>> {
        self.changed(self.send(Method::POST, path, Some(asked)).await?)
    }

    /// Puts something where there may be something already.
    pub(crate) async fn put(&self, path: &str, asked: &impl Serialize) -> anyhow::Result<Result<Applied, Refused>> {
        self.changed(self.send(Method::PUT, path, Some(asked)).await?)
    }

    /// Takes away what stands at a path.
    pub(crate) async fn delete(&self, path: &str, query: &impl Serialize) -> anyhow::Result<Result<Applied, Refused>> {
        self.changed(self.send(Method::DELETE, &with_query(path, query)?, None::<&()>).await?)
    }

    fn changed(&self, (status, body): (StatusCode, Bytes)) -> anyhow::Result<Result<Applied, Refused>> {
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            Ok(Err(self.read(&body)?))
        } else {
            Ok(Ok(self.done(status, &body)?))
        }
    }

    /// Every tenant.
    pub(crate) async fn tenants(&self) -> anyhow::Result<Tenants> {
        self.get("/api/v1/tenants").await
    }

    /// One tenant. The name must be one, or there is no such tenant.
    pub(crate) async fn tenant(&self, name: &str) -> anyhow::Result<Tenant> {
        let name: partywall_domain::TenantName = name.parse().map_err(|error| anyhow!("{error}"))?;
        self.get(&format!("/api/v1/tenants/{name}")).await
    }

    /// Gets what stands at a path of the API.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let (status, body) = self.send(Method::GET, path, None::<&()>).await?;
        self.done(status, &body)
    }

    /// Gets what a path of the API has for this query.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> anyhow::Result<T> {
        self.get(&with_query(path, query)?).await
    }

    /// Posts to a path of the API.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, asked: &impl Serialize) -> anyhow::Result<T> {
        let (status, body) = self.send(Method::POST, path, Some(asked)).await?;
        self.done(status, &body)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        asked: Option<&impl Serialize>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let body = asked.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        request = request.header(AUTHORIZATION, self.authorization.clone());
        if asked.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let answer =
            self.http.request(request.body(Full::from(body))?).await.map_err(|error| self.unreachable(&error))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body =
            body.map_err(|error| anyhow!("the answer of {} did not arrive whole: {error}; try again", self.base))?;
        Ok((parts.status, body.to_bytes()))
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> anyhow::Error {
        let base = &self.base;
        if error.is_connect() {
            anyhow!("nobody answers at {base}; is `partywall serve` running? pass --admin URL or --data DIR")
        } else {
            anyhow!("the connection to {base} broke off: {error}; what was asked may or may not be done, so ask again")
        }
    }

    fn done<T: DeserializeOwned>(&self, status: StatusCode, body: &[u8]) -> anyhow::Result<T> {
        if status.is_success() {
            return self.read(body);
        }
        if status == StatusCode::UNAUTHORIZED {
            bail!("{} does not know this operator's token; pass --operator-token FILE or --data DIR", self.base);
        }
        let Refused { error, .. } = self.read(body).with_context(|| format!("{status}"))?;
        bail!("{}; {}", error.message, error.hint)
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> anyhow::Result<T> {
        serde_json::from_slice(body).with_context(|| {
            format!("{} does not answer as the admin listener of this version; is it one? pass --admin URL", self.base)
        })
    }
}

/// A path with a query, which is a flat struct of texts, numbers and flags.
fn with_query(path: &str, query: &impl Serialize) -> anyhow::Result<String> {
    let mut pairs = form_urlencoded::Serializer::new(format!("{path}?"));
    if let serde_json::Value::Object(fields) = serde_json::to_value(query)? {
        for (name, value) in fields {
            pairs.append_pair(&name, value.as_str().map_or_else(|| value.to_string(), str::to_owned).as_str());
        }
    }
    Ok(pairs.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn where_nobody_listens_the_next_step_is_told() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        let error = AdminClient::new(&url, "token").unwrap().tenants().await.unwrap_err();
        let told = format!("nobody answers at {url}; is `partywall serve` running? pass --admin URL or --data DIR");
        assert_eq!(error.to_string(), told);
    }

    #[test]
    fn what_is_no_admin_url_is_told() {
        for url in ["", "localhost", "https://localhost:7401", "http://localhost:7401/api", "ftp://localhost"] {
            assert!(AdminClient::new(url, "token").is_err(), "{url}");
        }
        assert!(AdminClient::new("http://localhost:7401/", "token").is_ok());
        assert!(AdminClient::new("http://localhost:7401", "to\nken").is_err());
    }
}
