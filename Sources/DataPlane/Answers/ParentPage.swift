/// What our scripts tell the page that embeds theirs, if that is a page of the company.
enum ParentPage {
    /// Declares `origins`, the company's as in `embed_origins`; `news`, the last message; and `tell`, which sends one.
    ///
    /// The parent's origin is known from the browser, or from the parent, which may ask for the last message. Else each
    /// origin is tried: the browser delivers the message to no other.
    static let script = """
        let origins = [], news = null, asker = null;
        const allows = (origin) => origins.some((one) => {
          const [head, tail] = one.split("*");
          return tail === undefined ? one === origin : origin.startsWith(head) && origin.endsWith(tail);
        });
        const tell = (message) => {
          if (parent === window) return;
          const known = location.ancestorOrigins?.[0] ?? asker;
          const targets = origins.includes("*") ? ["*"] : known ? [known].filter(allows)
            : origins.filter((one) => !one.includes("*"));
          for (const target of targets) parent.postMessage({ source: "gateway-session", ...message }, target);
        };
        addEventListener("message", ({ source, origin, data }) => {
          if (source !== parent || data?.source !== "gateway-session-page") return;
          asker = origin;
          if (news) tell(news);
        });
        """
}
