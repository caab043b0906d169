//! A request body that is documented strictly and parsed as Laravel does.

use std::marker::PhantomData;

use poem::{Request, RequestBody};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::fields::Fields;
use crate::http::Json;

/// The fields of a request whose body is described by `T`.
pub struct FormInput<T> {
    pub(super) fields: Fields,
    schema: PhantomData<T>,
}

impl<'a, T: Type> ApiExtractor<'a> for FormInput<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Json<T> as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: "application/json", schema: Json::<T>::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let fields = Fields::read(request, body).await?;
        Ok(Self { fields, schema: PhantomData })
    }
}
