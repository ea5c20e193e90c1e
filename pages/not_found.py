"""Page not found: the address names no page."""

import streamlit as st

_CLOSE = """<script>
// Streamlit says the same in a dialog over the page.
const until = performance.now() + 3000;
(function close() {
  const button = document.querySelector("[role=dialog] button[aria-label=Close]");
  if (button) button.click(); else if (performance.now() < until) requestAnimationFrame(close);
})();
</script>"""

with st.container(border=True, key="no-such-page"):
    st.markdown("## Page not found")
    st.markdown("The address is mistyped, or the page has moved. The menu lists all pages.")
    st.markdown("[Open Overview](./)")
st.html(_CLOSE, unsafe_allow_javascript=True)
