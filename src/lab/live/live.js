// Runs in the browser. The lab sends parts of the page as they change, ready to show, by the id of their place.
const changes = new EventSource('changes')

changes.onmessage = ({ data }) => {
  for (const [id, markup] of Object.entries(JSON.parse(data))) {
    const place = document.getElementById(id)
    if (place !== null) place.innerHTML = markup
  }
}
changes.addEventListener('end', () => changes.close())

// Never asked again by itself: a forgotten tab would knock for ever at a port that the next run's service may have.
changes.onerror = () => {
  changes.close()
  document.getElementById('lost').hidden = false
}
