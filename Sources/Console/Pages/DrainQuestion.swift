/// Asks whether to take out the last server of an upstream that serves.
struct DrainQuestion {
    let server: String
    let upstream: String
    let visitor: Visitor

    var html: HTML {
        """
        <p class="notice bad" role="alert">No other server of \(OutsideText.html(upstream)) can take its requests. Once \
        \(OutsideText.html(server)) is drained, new requests to this upstream are answered with 502 or 503, and viewers see an \
        error. Those in progress finish.</p>
        <form method="post" action="\(Page.Place.upstreams.path)">\(Page.key(visitor))
        <input type="hidden" name="upstream" value="\(upstream)"><input type="hidden" name="server" value="\(server)">
        <input type="hidden" name="sure" value="yes">
        <p><button class="main danger" name="state" value="drain">Drain it all the same</button> \
        <a class="button" href="\(Page.Place.upstreams.path)">Cancel</a></p>
        </form>

        """
    }
}
