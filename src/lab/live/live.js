// Runs in the browser. The lab sends parts of the page, ready to show, by the id of their place.
const changes = new EventSource('changes')

const shown = new Map()

changes.onmessage = ({ data }) => {
  for (const [id, markup] of Object.entries(JSON.parse(data))) {
    const place = document.getElementById(id)
    // The browser lays out anew what is set, so only what differs is.
    if (place === null || shown.get(id) === markup) continue
    place.innerHTML = markup
    shown.set(id, markup)
  }
}
changes.addEventListener('end', () => changes.close())

// Never asked again by itself: a forgotten tab would knock for ever at a port that the next run's service may have.
changes.onerror = () => {
  changes.close()
  document.getElementById('lost').hidden = false
}
