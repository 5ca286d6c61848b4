//! A server on stdio that does what its calls say: for what no well-behaved server does, and for bytes that no SDK writes.
//!
//! It reads a message no further than it must and writes lines by hand. Its tools:
//!
//! - `verbatim` answers with the line that the call was, in base64, as `got`;
//! - `say` answers with the bytes of its argument `line` (base64), where `@id@` stands for the call's id;
//! - `work` tells and asks its client, and puts its argument `of` into every message; with `waits` it does nothing after
//!   its progress until it is cancelled, and then asks once more, as a server does that was just about to; with `drops`
//!   it says no more of a cancelled call, as the protocol has it.
//!
//! `of` is the name of whoever called. A client that reads another name there was told what is not for it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// What `work` asks, in this order.
const QUESTIONS: [&str; 2] = ["sampling/createMessage", "elicitation/create"];

/// A line, read as far as is needed to know what it is.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

/// Of a call's parameters.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// The arguments of `work`.
#[derive(Deserialize)]
struct Work {
    of: String,
    #[serde(default)]
    waits: bool,
    #[serde(default)]
    drops: bool,
}

/// A call of `work` that is not answered yet.
struct Job {
    of: String,
    waits: bool,
    drops: bool,
    /// How many of [`QUESTIONS`] were answered.
    answered: usize,
    /// The number of the question that is open.
    asked: Option<u64>,
    /// What was said to questions.
    told: Vec<Value>,
}

/// The server.
pub struct Scripted<W> {
    modern: bool,
    out: W,
    jobs: BTreeMap<String, Job>,
    questions: u64,
}

impl<W: Write> Scripted<W> {
    /// A server of one era, which writes to `out`.
    pub fn new(modern: bool, out: W) -> Self {
        Self { modern, out, jobs: BTreeMap::new(), questions: 0 }
    }

    /// Serves until its input ends.
    ///
    /// # Errors
    /// Where a line cannot be read or written.
    pub fn serve(mut self, mut input: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line)? > 0 {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            self.take(text)?;
            line.clear();
        }
        Ok(())
    }

    fn take(&mut self, text: &[u8]) -> io::Result<()> {
        let Ok(line) = serde_json::from_slice::<Line<'_>>(text) else { return Ok(()) };
        let id = line.id.map(RawValue::get);
        match (line.method.as_deref(), id) {
            (Some("tools/call"), Some(id)) => self.called(id, line.params, text),
            (Some("server/discover"), Some(id)) if self.modern => {
                let about = json!({"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"});
                self.answer(id, &about)
            }
            (Some("initialize"), Some(id)) if !self.modern => {
                let about = json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "scripted", "version": "1"}});
                self.answer(id, &about)
            }
            (Some("notifications/cancelled"), None) => self.cancelled(line.params),
            (Some(_), Some(id)) => self.write(
                format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":-32601,\"message\":\"no\"}}}}")
                    .as_bytes(),
            ),
            (None, Some(id)) => self.answered(id, line.result),
            _ => Ok(()),
        }
    }

    fn called(&mut self, id: &str, params: Option<&RawValue>, text: &[u8]) -> io::Result<()> {
        let call = params.and_then(|params| serde_json::from_str::<Call<'_>>(params.get()).ok());
        let Some(Call { name, arguments }) = call else { return Ok(()) };
        let arguments = arguments.map_or("{}", RawValue::get);
        match &*name {
            "say" => {
                let line = serde_json::from_str::<Value>(arguments)?["line"].as_str().unwrap_or_default().to_owned();
                let line = STANDARD.decode(line).map_err(io::Error::other)?;
                let line = String::from_utf8(line).map_err(io::Error::other)?.replace("@id@", id);
                self.write(line.as_bytes())
            }
            "work" => {
                let params: Value = serde_json::from_str(params.map_or("{}", RawValue::get))?;
                self.work(id, serde_json::from_str(arguments)?, &params)
            }
            _ => self.answer(id, &json!({"resultType": "complete", "content": [], "got": STANDARD.encode(text)})),
        }
    }

    /// Begins a call of `work`, or of a modern client's goes on with it.
    fn work(&mut self, id: &str, Work { of, waits, drops }: Work, params: &Value) -> io::Result<()> {
        self.tell("notifications/message", &json!({"level": "info", "data": "work", "of": of}))?;
        let token = &params["_meta"]["progressToken"];
        if !token.is_null() {
            self.tell("notifications/progress", &json!({"progressToken": token, "progress": 1, "of": of}))?;
        }
        let told = params["inputResponses"].as_object().map(|all| all.values().cloned().collect());
        let answered = params["requestState"].as_str().and_then(|state| state.parse().ok()).unwrap_or(0);
        let job = Job { of, waits, drops, answered, asked: None, told: told.unwrap_or_default() };
        if !waits {
            return self.go_on(id.to_owned(), job);
        }
        self.jobs.insert(id.to_owned(), job);
        Ok(())
    }

    /// Asks the next question, or answers the call.
    fn go_on(&mut self, id: String, mut job: Job) -> io::Result<()> {
        let Some(method) = QUESTIONS.get(job.answered).filter(|_| !job.waits) else {
            return self.answer(&id, &json!({"resultType": "complete", "content": [], "of": job.of, "told": job.told}));
        };
        if self.modern {
            let question = json!({"question": {"method": method, "params": {"of": job.of}}});
            let state = (job.answered + 1).to_string();
            return self.answer(
                &id,
                &json!({"resultType": "input_required", "inputRequests": question, "requestState": state, "of": job.of}),
            );
        }
        self.ask(&mut job, method)?;
        self.jobs.insert(id, job);
        Ok(())
    }

    fn ask(&mut self, job: &mut Job, method: &str) -> io::Result<()> {
        self.questions += 1;
        job.asked = Some(self.questions);
        let question = json!({"jsonrpc": "2.0", "id": self.questions, "method": method, "params": {"of": job.of}});
        self.write(question.to_string().as_bytes())
    }

    /// A question was answered, or cannot be.
    fn answered(&mut self, question: &str, result: Option<&RawValue>) -> io::Result<()> {
        let number = question.parse().ok();
        let Some(id) = self.jobs.iter().find(|(_, job)| job.asked == number).map(|(id, _)| id.clone()) else {
            return Ok(());
        };
        let Some(mut job) = self.jobs.remove(&id) else { return Ok(()) };
        job.asked = None;
        job.answered += 1;
        job.told.push(result.map_or(Ok(Value::Null), |result| serde_json::from_str(result.get()))?);
        self.go_on(id, job)
    }

    /// A legacy server that was about to ask asks all the same, and answers then. A modern one has nobody to answer.
    fn cancelled(&mut self, params: Option<&RawValue>) -> io::Result<()> {
        let params: Value = serde_json::from_str(params.map_or("{}", RawValue::get))?;
        let id = params["requestId"].to_string();
        let Some(mut job) = self.jobs.remove(&id) else { return Ok(()) };
        if self.modern || job.drops {
            return Ok(());
        }
        self.tell("notifications/message", &json!({"level": "info", "data": "late", "of": job.of}))?;
        self.ask(&mut job, QUESTIONS[0])?;
        self.jobs.insert(id, job);
        Ok(())
    }

    fn tell(&mut self, method: &str, params: &Value) -> io::Result<()> {
        self.write(json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string().as_bytes())
    }

    fn answer(&mut self, id: &str, result: &Value) -> io::Result<()> {
        self.write(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}").as_bytes())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.out.write_all(line)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}
