//! A request body that is documented strictly, and parsed as Laravel does once its caller is known.

use std::marker::PhantomData;

use poem::{Request, RequestBody};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::fields::{Fields, check_method_header};
use crate::http::{ApiError, Json};

/// A request body that is described by `T`, not read yet: the caller and its rate limit are checked first.
pub struct FormInput<T> {
    body: RequestBody,
    schema: PhantomData<T>,
}

impl<T> FormInput<T> {
    /// Reads the fields.
    ///
    /// # Errors
    /// Those of [`Fields::read`].
    pub(super) async fn read(mut self, request: &Request) -> Result<Fields, ApiError> {
        Fields::read(request, &mut self.body).await
    }
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
        check_method_header(request)?;
        Ok(Self { body: std::mem::take(body), schema: PhantomData })
    }
}
