//! From events and spans to flat JSON objects, written straight into one text: a call's line is made while the call
//! waits for it.

use std::cell::RefCell;
use std::fmt;

use partywall_domain::event;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::members::Members;
use super::now;
use super::writer::Handle;

pub(super) struct JsonLines {
    out: Handle,
}

/// A span's fields, kept beside the span.
struct Fields(Members);

impl JsonLines {
    pub(super) fn new(out: Handle) -> Self {
        Self { out }
    }
}

thread_local! {
    /// The line in the making, and its memory for the next one.
    static LINE: RefCell<Members> = RefCell::default();
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Members::with_room();
        attributes.record(&mut Collect(&mut fields));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Fields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(Fields(fields)) = span.extensions_mut().get_mut()
        {
            values.record(&mut Collect(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        LINE.with(|line| match line.try_borrow_mut() {
            Ok(mut line) => self.write(&mut line, event, &context),
            // A value that logs while it is written has its own line within ours.
            Err(_) => self.write(&mut Members::default(), event, &context),
        });
    }
}

impl JsonLines {
    fn write<S>(&self, line: &mut Members, event: &Event<'_>, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        line.clear();
        line.text("timestamp", now());
        line.text("level", word(*event.metadata().level()));
        event.record(&mut Collect(line));
        if !line.has("event") {
            line.text("event", event::LIBRARY);
            line.text("library", event.metadata().target());
        }
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Fields(fields)) = span.extensions().get() {
                line.add_missing(fields);
            }
        }
        if !line.has("tenant_id") {
            line.null("tenant_id");
        }
        self.out.write(line.object());
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

struct Collect<'a>(&'a mut Members);

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.text(field.name(), format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.text(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.plain(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.plain(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.plain(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is no number.
        if value.is_finite() { self.0.plain(field.name(), value) } else { self.0.null(field.name()) }
    }
}
