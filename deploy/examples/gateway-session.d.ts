// The types of `/.gateway/session.js`, and of the messages that the embedding page gets.

/**
 * `unknown` until the gateway has answered; `expiring` in the last two minutes; `removed` by the company or an operator; `ended` with
 * the event, by the viewer, or since nobody vouches for it any more; `refused` if there was no session, for a reason that the code tells.
 */
type GatewaySessionState =
  | "unknown" | "active" | "expiring" | "replaced" | "removed" | "expired" | "ended" | "refused";

interface GatewaySessionNews {
  readonly state: GatewaySessionState;
  /** The refusal's code, such as `event_over`; null while the session is alive. */
  readonly code: string | null;
  readonly role: "attendee" | "host" | null;
  readonly listedAs: "presenter" | "organizer" | null;
  /** RFC 3339; null if it does not end by itself. */
  readonly expiresAt: string | null;
}

/** `window.gatewaySession` in the frame. It dispatches `change`. */
interface GatewaySession extends GatewaySessionNews, EventTarget {
  check(): Promise<GatewaySessionState>;
  takeOver(): Promise<GatewaySessionState>;
  leave(): Promise<GatewaySessionState>;
  /** Asks the embedding page for a new link. */
  renew(): void;
}

/** What the embedding page gets: the news, or a wish. */
type GatewaySessionMessage =
  | ({ readonly source: "gateway-session"; readonly event: string | null } & GatewaySessionNews)
  | { readonly source: "gateway-session"; readonly event: string | null; readonly wants: "link" };

/** What the embedding page may send to the frame, to be told the news once more. */
type GatewaySessionQuestion = { source: "gateway-session-page" };

declare var gatewaySession: GatewaySession;
