//! `/api/v1/conversations`: who talks to whom, over all assets.

use super::super::app::{Shared, read};
use super::super::asked::{Asked, cut, limit, moment, text};
use super::super::caller::{May, Viewer};
use super::super::problem::Problem;
use super::assets::ConversationRow;
use crate::command::asset_id;
use axum::Json;
use axum::extract::State as At;
use serde::{Deserialize, Serialize};
use store::{Browsing as _, Talk, TalkPlace, TalkQuery};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Between the parts of a cursor; no part has it.
const BETWEEN: char = '~';

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Only of this asset.
    #[param(pattern = "^a-[0-9a-f]{16}$")]
    asset: Option<String>,
    /// Only with this address.
    #[param(max_length = 200)]
    ip: Option<String>,
    /// Only with peers there.
    #[param(inline)]
    r#where: Option<Place>,
    /// Only in this protocol.
    #[param(max_length = 200)]
    protocol: Option<String>,
    /// Only what was seen from here on (RFC 3339, capture time), as far as scans were imported apart.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Only what was seen up to here.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Those after this one: `next` of the page before.
    #[param(max_length = 500)]
    after: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
}

/// Where a peer is.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Place {
    OnLink,
    Onsite,
    Offsite,
    Unanswered,
    Unknown,
}

impl Place {
    const fn as_str(self) -> &'static str {
        match self {
            Self::OnLink => "on-link",
            Self::Onsite => "onsite",
            Self::Offsite => "offsite",
            Self::Unanswered => "unanswered",
            Self::Unknown => "unknown",
        }
    }
}

/// A page of conversations, in order of asset and peer.
#[derive(Debug, Serialize, ToSchema)]
struct ConversationPage {
    conversations: Vec<TalkRow>,
    /// What the next page begins after; none where there is no more.
    next: Option<String>,
}

/// A conversation, with the asset that has it.
#[derive(Debug, Serialize, ToSchema)]
struct TalkRow {
    asset: String,
    #[serde(flatten)]
    conversation: ConversationRow,
}

fn cursor(talk: &Talk) -> String {
    let one = &talk.conversation;
    let protocol = one.protocol.as_deref().unwrap_or_default();
    let (asset, port) = (talk.asset.to_string(), one.port.to_string());
    let parts = [&asset, &one.ip, &port, &one.transport, &one.location, protocol, &one.direction];
    parts.join(&BETWEEN.to_string())
}

fn place(cursor: &str) -> Result<TalkPlace, Problem> {
    let wrong = || Problem::malformed("after: send `next` of the page before as it is.");
    let parts: Vec<&str> = cursor.split(BETWEEN).collect();
    let [asset, ip, port, transport, location, protocol, direction] = parts[..] else { return Err(wrong()) };
    Ok(TalkPlace {
        asset: asset_id(asset).map_err(|_| wrong())?,
        ip: ip.to_owned(),
        port: port.parse().map_err(|_| wrong())?,
        transport: transport.to_owned(),
        location: location.to_owned(),
        protocol: protocol.to_owned(),
        direction: direction.to_owned(),
    })
}

/// A page of conversations, summed up over all captures.
#[utoipa::path(
    get, path = "/api/v1/conversations", operation_id = "listConversations", tag = "conversations", params(Query),
    security(("token" = []), ("session" = [])), extensions(("x-least-role" = json!("viewer"))),
    responses((status = 200, description = "The page.", body = ConversationPage)),
)]
async fn page(
    _: May<Viewer>,
    At(app): At<Shared>,
    Asked(asked): Asked<Query>,
) -> Result<Json<ConversationPage>, Problem> {
    let limit = limit(asked.limit)?;
    let at = |name, asked: Option<&str>| asked.map(|asked| moment(name, asked)).transpose();
    let query = TalkQuery {
        asset: asked.asset.as_deref().map(asset_id).transpose().map_err(Problem::malformed)?,
        ip: text("ip", asked.ip)?,
        location: asked.r#where.map(|place| place.as_str().to_owned()),
        protocol: text("protocol", asked.protocol)?,
        since: at("since", asked.since.as_deref())?,
        until: at("until", asked.until.as_deref())?,
        after: asked.after.as_deref().map(place).transpose()?,
        limit: limit + 1,
    };
    let mut talks = read(&app, move |store| store.conversations(&query)).await?;
    let next = cut(&mut talks, limit, cursor);
    let row = |talk: Talk| TalkRow { asset: talk.asset.to_string(), conversation: talk.conversation.into() };
    Ok(Json(ConversationPage { conversations: talks.into_iter().map(row).collect(), next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back_and_others_refused() {
        let read = place("a-0000000000000001~fe80::1~515~tcp~offsite~~out").unwrap();
        assert_eq!((read.port, read.protocol.as_str(), read.direction.as_str()), (515, "", "out"));
        for wrong in ["", "a-0000000000000001", "a-1~x~515~tcp~offsite~~out", "a-0000000000000001~x~70000~tcp~offsite~~out"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
