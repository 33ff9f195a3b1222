package page

// PointsMax is how many places along its time axis a line is drawn at; at each there are at most two points, the least and the
// greatest of the seconds that fall there. What is more would lie within the same pixel.
const PointsMax = 160
