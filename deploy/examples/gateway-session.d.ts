// The types of `/.gateway/session.js`, and of the messages that the embedding page gets.

/**
 * `unknown` until the gateway has answered; `expiring` in the last two minutes; `removed` by the company or an operator, so that the viewer may not
 * come back; `ended` with the event or its deletion, by the viewer, by somebody who lets the viewer come back (`viewer_removed`), or since nobody
 * vouches for it any more; `refused` if there was no session, for a reason that the code tells; `unavailable` while the gateway or the event does
 * not answer: the page in the frame tries again by itself.
 */
type GatewaySessionState =
  | "unknown" | "active" | "expiring" | "replaced" | "removed" | "expired" | "ended" | "refused"
  | "unavailable";

interface GatewaySessionNews {
  readonly state: GatewaySessionState;
  /** The refusal's code, such as `event_over`, or that of a plain HTTP status, such as `not_found`; null while the session is alive. */
  readonly code: string | null;
  readonly role: "attendee" | "host" | null;
  readonly listedAs: "presenter" | "organizer" | null;
  /** RFC 3339; null if it does not end by itself. */
  readonly expiresAt: string | null;
  /** RFC 3339: when the event opens, with `not_open`. Null otherwise. */
  readonly opensAt: string | null;
}

/** `window.gatewaySession` in the frame. It dispatches `change`. */
interface GatewaySession extends GatewaySessionNews, EventTarget {
  check(): Promise<GatewaySessionState>;
  takeOver(): Promise<GatewaySessionState>;
  leave(): Promise<GatewaySessionState>;
  /** Asks the embedding page for a new link. */
  renew(): void;
}

/** What the embedding page gets: the news, or a wish. If nobody knows whose the refused request was, the news have no event. */
type GatewaySessionMessage =
  | ({ readonly source: "gateway-session"; readonly event: string | null } & GatewaySessionNews)
  | { readonly source: "gateway-session"; readonly event: string | null; readonly wants: "link" };

/** What the embedding page may send to the frame, to say who it is. It gets the last news if it has not got them yet, or wants them again. */
type GatewaySessionQuestion = { source: "gateway-session-page"; wants?: "news" };

declare var gatewaySession: GatewaySession;
