/// What our scripts tell the page that embeds theirs, if that is a page of the company.
enum ParentPage {
    /// Declares `origins`, the company's as in `embed_origins`; `news`, the last message; and `tell`, which sends one.
    ///
    /// The parent's origin is known from the browser, or from the parent, which may say who it is. Else each origin is
    /// tried: the browser delivers the message to no other. A parent that says who it is gets the last message if it has
    /// not got it yet, or wants it again.
    static let script = """
        let origins=[],news=null,asker=null,told=[];\
        const tell=message=>{if(parent===window)return;\
        const known=location.ancestorOrigins?.[0]??asker;\
        const isListed=one=>{const[head,tail]=one.split("*");\
        return tail==null?one===known:known.startsWith(head)&&known.endsWith(tail)};\
        told=origins.includes("*")?["*"]:known?origins.some(isListed)?[known]:[]:origins.filter(one=>!one.includes("*"));\
        for(const target of told)parent.postMessage({source:"gateway-session",...message},target)};\
        addEventListener("message",({source,origin,data})=>{\
        if(source!==parent||data?.source!=="gateway-session-page")return;\
        asker=origin;\
        if(news&&(data.wants||!(told.includes("*")||told.includes(origin))))tell(news)});
        """
}
