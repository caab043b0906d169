//! Spans as a request of OTLP, in protobuf. Pure.

use super::spans::FinishedSpan;

/// The body of a request with the spans of this service.
#[cfg(feature = "otlp")]
pub(super) fn encode(service_name: &str, spans: impl Iterator<Item = FinishedSpan>) -> Vec<u8> {
    with_feature::encode(service_name, spans)
}

/// Without the feature, nothing exports spans.
#[cfg(not(feature = "otlp"))]
pub(super) fn encode(_: &str, _: impl Iterator<Item = FinishedSpan>) -> Vec<u8> {
    Vec::new()
}

#[cfg(feature = "otlp")]
mod with_feature {
    use std::time::{SystemTime, UNIX_EPOCH};

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
    use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as EncodedSpan, Status};
    use prost::Message;

    use crate::telemetry::spans::{Attribute, FinishedSpan, SpanKind};

    pub(super) fn encode(service_name: &str, spans: impl Iterator<Item = FinishedSpan>) -> Vec<u8> {
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let attributes = vec![
            attribute("service.name", Attribute::from(service_name)),
            attribute("service.version", Attribute::from(env!("CARGO_PKG_VERSION"))),
        ];
        let scope_spans =
            ScopeSpans { scope: Some(scope), spans: spans.map(encoded).collect(), ..ScopeSpans::default() };
        let resource = Some(Resource { attributes, ..Resource::default() });
        let resource_spans = ResourceSpans { resource, scope_spans: vec![scope_spans], ..ResourceSpans::default() };
        ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
    }

    fn encoded(span: FinishedSpan) -> EncodedSpan {
        let kind = match span.kind {
            SpanKind::Server => Kind::Server,
            SpanKind::Client => Kind::Client,
        };
        let status = span.is_error.then(|| Status { code: StatusCode::Error.into(), ..Status::default() });
        EncodedSpan {
            trace_id: bytes_of(span.context.trace_id()),
            span_id: bytes_of(span.context.span_id()),
            parent_span_id: bytes_of(span.parent.span_id()),
            name: span.name,
            kind: kind.into(),
            start_time_unix_nano: nanoseconds(span.started),
            end_time_unix_nano: nanoseconds(span.ended),
            attributes: span.attributes.into_iter().map(|(name, value)| attribute(name, value)).collect(),
            status,
            ..EncodedSpan::default()
        }
    }

    fn attribute(name: &str, value: Attribute) -> KeyValue {
        let value = match value {
            Attribute::Text(text) => Value::StringValue(text),
            Attribute::Number(number) => Value::IntValue(number),
        };
        KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    }

    /// The bytes of an id, which is hexadecimal.
    fn bytes_of(id: &str) -> Vec<u8> {
        hex::decode(id).unwrap_or_default()
    }

    fn nanoseconds(time: SystemTime) -> u64 {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or_default()
    }
}
